import Glibc
import TelemetryIO
import TelemetryMQProtocol

/// A file of consecutive records. The last segment of a log is appended to; the others are sealed.
///
/// Belongs to the thread of its log. A reader that references a segment can finish it after retention has removed it.
package final class Segment {
    static let nameSuffix = ".log"

    package let baseOffset: Int64
    /// The path for messages.
    package let path: String
    private let directory: (any LogDirectory)?
    /// The file while the segment is active. In memory it is the only copy, and kept.
    private var held: (any LogFile)?
    /// The file of a sealed segment while it is being read: a log has more segments than a process has descriptors.
    private weak var shared: (any LogFile)?
    package private(set) var byteCount: Int64 = 0
    package private(set) var nextOffset: Int64
    package private(set) var firstTimestamp: Int64?
    /// The timestamp of the last record. Earlier ones may have later times if the clock was set back.
    package private(set) var lastTimestamp: Int64 = 0
    /// The latest timestamp of any record; 0 without one.
    package private(set) var newestTimestamp: Int64 = 0
    private(set) var index = SegmentIndex()
    /// Whether every record's checksum was verified since the log was opened, or the record was written since.
    package private(set) var isVerified = true
    /// The first damaged record that was found, if any: nothing from there on is delivered.
    package private(set) var damage: Damage?
    /// The earliest time at which the clock was read while all timestamps of the segment were in the future.
    private var knownSince: Int64?

    package struct Damage: Sendable, Equatable {
        package var position: Int64
        package var offset: Int64
        package var reason: String
    }

    /// Creates an empty segment. `directory`: where a file that was released is opened again; without one the file is
    /// kept.
    init(baseOffset: Int64, file: any LogFile, in directory: (any LogDirectory)? = nil) {
        self.baseOffset = baseOffset
        self.directory = directory
        path = file.path
        held = file
        nextOffset = baseOffset
    }

    /// Creates a sealed segment from its index; its records have to be verified before they are delivered.
    init(_ index: IndexFile, in directory: any LogDirectory) {
        baseOffset = index.baseOffset
        self.directory = directory
        path = directory.path + "/" + Segment.name(baseOffset: index.baseOffset)
        byteCount = index.byteCount
        nextOffset = index.nextOffset
        firstTimestamp = index.firstTimestamp
        lastTimestamp = index.lastTimestamp
        newestTimestamp = index.newestTimestamp
        self.index = SegmentIndex(marks: index.marks)
        isVerified = false
    }

    package var indexFile: IndexFile {
        IndexFile(
            baseOffset: baseOffset, nextOffset: nextOffset, byteCount: byteCount, firstTimestamp: firstTimestamp ?? 0,
            lastTimestamp: lastTimestamp, newestTimestamp: newestTimestamp, marks: index.marks)
    }

    // MARK: The file

    /// The segment's file, open as long as it is referenced by the caller or another owner. Fails with `ENOENT` after
    /// retention has removed the segment, unless the file is still open.
    package func openFile() throws(SystemError) -> any LogFile {
        if let held { return held }
        if let shared { return shared }
        guard let directory else { throw SystemError("open", on: path, code: ENOENT) }
        let file = try directory.openExisting(Segment.name(baseOffset: baseOffset))
        shared = file
        return file
    }

    /// Closes the file of a sealed segment once it has no reader.
    func letGoOfFile() {
        guard let directory, directory.isDurable, let file = held else { return }
        shared = file
        held = nil
    }

    /// Adopts the results of a scan of the file: its marks count, whatever the index file contained.
    package func verified(marks: [SegmentIndex.Mark], damage: Damage?) {
        index = SegmentIndex(marks: marks)
        self.damage = damage
        isVerified = true
    }

    package var messageCount: Int64 { nextOffset - baseOffset }

    /// The offset of the first record in 20 digits, so that names sort like offsets.
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

    /// Records that records were written at the end of the file. `newestTimestamp`: the latest of their times, if it is
    /// neither that of the first nor of the last.
    func grow(
        by count: Int, bytes: Int64, firstTimestamp: Int64, lastTimestamp: Int64, newestTimestamp: Int64 = 0,
        marks: [SegmentIndex.Mark]
    ) {
        if firstTimestamp < self.lastTimestamp, !marks.isEmpty, messageCount > 0 {
            var marks = marks
            marks[0].isTurn = true
            index.append(marks, shiftedBy: byteCount)
        } else {
            index.append(marks, shiftedBy: byteCount)
        }
        if self.firstTimestamp == nil { self.firstTimestamp = firstTimestamp }
        self.lastTimestamp = lastTimestamp
        self.newestTimestamp = max(self.newestTimestamp, firstTimestamp, lastTimestamp, newestTimestamp)
        nextOffset += Int64(count)
        byteCount += bytes
    }

    /// The time when the newest record was stored, as far as timestamps that are not in the future show; `nil` if they
    /// do not.
    ///
    /// While all of them are in the future, the record cannot be younger than the moment at which that was first
    /// observed.
    func newestTime(at now: Int64) -> Int64? {
        let credible = SegmentAge(lastTimestamp: lastTimestamp, newestTimestamp: newestTimestamp).newest(at: now)
        if credible != nil || firstTimestamp == nil { return credible }
        knownSince = min(knownSince ?? now, now)
        return knownSince
    }

    /// The position of the record with an offset. `offset` must be within the segment or one after it.
    package func position(of offset: Int64) throws(SystemError) -> Int64 {
        guard offset < nextOffset else { return byteCount }
        guard let mark = index.mark(atOrBefore: offset) else { return 0 }
        var reader = SegmentReader(file: try openFile(), from: mark.position, to: byteCount, bufferBytes: 64 * 1024)
        var at = mark.offset
        while at < offset, try reader.next() != nil { at += 1 }
        return reader.position
    }

    /// The first offset of a record that counts and whose time is not before `timestamp`, or of a damaged record on the
    /// way to it, which must not be skipped. `nil` if there is none.
    ///
    /// A record counts if its time is not after `now`, or if its offset is not before `tail`.
    func offset(notBefore timestamp: Int64, now: Int64, tail: Int64) throws(SystemError) -> Int64? {
        let file = try openFile()
        for (place, mark) in index.marks.enumerated() {
            let end = place + 1 < index.marks.count ? index.marks[place + 1] : endMark
            guard mark.timestamp <= now || end.offset > tail,
                index.mayReach(timestamp, from: place, newest: newestTimestamp)
            else { continue }
            var reader = SegmentReader(file: file, from: mark.position, to: end.position, bufferBytes: 64 * 1024)
            var at = mark.offset
            while let step = try reader.next() {
                guard case .record(let record) = step, Record.damage(record) == nil, let header = Record.header(record)
                else { return at }
                if header.timestamp >= timestamp, header.timestamp <= now || at >= tail { return at }
                at += 1
            }
        }
        // No mark is after it.
        return damage?.offset
    }

    /// The offset after the last record whose time is not after `now`; `nil` if all are.
    func end(ofTimesUpTo now: Int64) throws(SystemError) -> Int64? {
        if firstTimestamp == nil { return nil }
        if newestTimestamp <= now { return nextOffset }
        guard let place = index.marks.lastIndex(where: { $0.timestamp <= now }) else { return nil }
        let mark = index.marks[place]
        let end = place + 1 < index.marks.count ? index.marks[place + 1] : endMark
        var reader = SegmentReader(file: try openFile(), from: mark.position, to: end.position, bufferBytes: 64 * 1024)
        var at = mark.offset
        while case .record(let record)? = try reader.next(), let header = Record.header(record) {
            guard header.timestamp <= now else { break }
            at += 1
        }
        return at
    }

    private var endMark: SegmentIndex.Mark {
        .init(offset: nextOffset, position: byteCount, timestamp: newestTimestamp)
    }
}

/// The age of a segment as derived from the timestamps of its records.
struct SegmentAge {
    /// The timestamp of the last record.
    var lastTimestamp: Int64
    /// The latest timestamp of all records.
    var newestTimestamp: Int64

    /// The time when the newest record was stored; `nil` if the clock was ahead all the time: the timestamps are in the
    /// future.
    func newest(at now: Int64) -> Int64? {
        newestTimestamp <= now ? newestTimestamp : lastTimestamp <= now ? lastTimestamp : nil
    }
}

extension Segment {
    /// A record's start after `first`: the farthest within `limit`, otherwise the first after it.
    package func recordStart(after first: Int64, notBeyond limit: Int64) -> SegmentIndex.Mark? {
        index.recordStart(after: first, notBeyond: limit)
    }
}
