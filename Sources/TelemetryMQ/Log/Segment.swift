import TelemetryNet

/// A file of consecutive records. The last segment of a log is appended to; the others are sealed.
///
/// Belongs to the thread of its log. A reader that holds a segment can finish it after retention has dropped it.
package final class Segment {
    static let nameSuffix = ".log"

    package let baseOffset: Int64
    package let file: any LogFile
    package private(set) var byteCount: Int64 = 0
    package private(set) var nextOffset: Int64
    package private(set) var firstTimestamp: Int64?
    package private(set) var lastTimestamp: Int64 = 0
    private(set) var index = SegmentIndex()
    /// Whether every record's checksum was found right since the log was opened, or the record was written since.
    package private(set) var isVerified = true
    /// Its first damaged record, where one was found: nothing from there on is delivered.
    package private(set) var damage: Damage?

    package struct Damage: Sendable, Equatable {
        package var position: Int64
        package var offset: Int64
        package var reason: String
    }

    init(baseOffset: Int64, file: any LogFile) {
        self.baseOffset = baseOffset
        self.file = file
        nextOffset = baseOffset
    }

    /// A sealed segment as its index says; its records are to be verified before they are delivered.
    init(_ index: IndexFile, file: any LogFile) {
        baseOffset = index.baseOffset
        self.file = file
        byteCount = index.byteCount
        nextOffset = index.nextOffset
        firstTimestamp = index.firstTimestamp
        lastTimestamp = index.lastTimestamp
        self.index = SegmentIndex(marks: index.marks)
        isVerified = false
    }

    var indexFile: IndexFile {
        IndexFile(
            baseOffset: baseOffset, nextOffset: nextOffset, byteCount: byteCount, firstTimestamp: firstTimestamp ?? 0,
            lastTimestamp: lastTimestamp, marks: index.marks)
    }

    /// Takes what a scan of the file found: its marks count, whatever the index file said.
    func verified(marks: [SegmentIndex.Mark], damage: Damage?) {
        index = SegmentIndex(marks: marks)
        self.damage = damage
        isVerified = true
    }

    package var messageCount: Int64 { nextOffset - baseOffset }

    /// The offset of the first record in 20 digits, so that names sort as offsets do.
    static func name(baseOffset: Int64) -> String {
        let digits = String(baseOffset)
        return String(repeating: "0", count: 20 - digits.utf8.count) + digits + nameSuffix
    }

    static func baseOffset(ofName name: String) -> Int64? {
        guard name.utf8.count == 24, name.hasSuffix(nameSuffix) else { return nil }
        let digits = name.dropLast(nameSuffix.count)
        guard digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        return Int64(digits)
    }

    /// Takes note of records that were written at the end of the file.
    func grow(by count: Int, bytes: Int64, firstTimestamp: Int64, lastTimestamp: Int64, marks: [SegmentIndex.Mark]) {
        index.append(marks, shiftedBy: byteCount)
        if self.firstTimestamp == nil { self.firstTimestamp = firstTimestamp }
        self.lastTimestamp = lastTimestamp
        nextOffset += Int64(count)
        byteCount += bytes
    }

    /// Where the record of an offset starts. `offset` must be within the segment or one behind it.
    func position(of offset: Int64) throws(SystemError) -> Int64 {
        guard offset < nextOffset else { return byteCount }
        guard let mark = index.mark(atOrBefore: offset) else { return 0 }
        var reader = SegmentReader(file: file, from: mark.position, to: byteCount, bufferBytes: 64 * 1024)
        var at = mark.offset
        while at < offset, try reader.next() != nil { at += 1 }
        return reader.position
    }

    /// The first offset whose record is not older than the time, in microseconds, or is damaged: it must not be skipped.
    func offset(notBefore timestamp: Int64) throws(SystemError) -> Int64 {
        let mark = index.mark(before: timestamp)
        var reader = SegmentReader(file: file, from: mark?.position ?? 0, to: byteCount, bufferBytes: 64 * 1024)
        var at = mark?.offset ?? baseOffset
        while case .record(let record)? = try reader.next() {
            guard Record.damage(record) == nil, let header = Record.header(record), header.timestamp < timestamp else { break }
            at += 1
        }
        return at
    }
}

extension Segment {
    /// A record's start that lies behind `first`: the farthest within `limit`, else the first behind it.
    func recordStart(after first: Int64, notBeyond limit: Int64) -> SegmentIndex.Mark? {
        index.recordStart(after: first, notBeyond: limit)
    }
}
