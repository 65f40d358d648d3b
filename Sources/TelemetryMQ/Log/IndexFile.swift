import TelemetryBase
import TelemetryMQProtocol

/// The index of a sealed segment on disk, one JSON object:
///
///     {"format":"index/1","base_offset":0,"next_offset":9,"bytes":999,"first_timestamp":1,"last_timestamp":2,
///     "marks":[[0,0,1],…],"crc32c":"9a8b7c6d"}
///
/// Written once the whole segment is on the device. It therefore records two things: where records are, without a scan;
/// and that any problem in the segment from now on is damage, not the torn end of a write. It contains nothing that a
/// scan cannot find again.
package struct IndexFile: Sendable, Equatable {
    static let nameSuffix = ".index"

    var baseOffset: Int64
    var nextOffset: Int64
    var byteCount: Int64
    var firstTimestamp: Int64
    /// The timestamp of the last record.
    var lastTimestamp: Int64
    /// The latest timestamp of any record. Written only if it is not that of the last, as after a clock that was set
    /// back.
    var newestTimestamp: Int64
    var marks: [SegmentIndex.Mark]

    static func name(baseOffset: Int64) -> String {
        String(Segment.name(baseOffset: baseOffset).dropLast(Segment.nameSuffix.count)) + nameSuffix
    }

    /// `nil` if the name is not that of an index.
    static func baseOffset(ofName name: String) -> Int64? {
        guard name.hasSuffix(nameSuffix) else { return nil }
        return Segment.baseOffset(ofName: name.dropLast(nameSuffix.count) + Segment.nameSuffix)
    }

    /// The time when the newest record was stored, as defined by ``Segment/newestTime(at:)``; `nil` without a record.
    func newestTime(at now: Int64) -> Int64? {
        marks.isEmpty ? nil : SegmentAge(lastTimestamp: lastTimestamp, newestTimestamp: newestTimestamp).newest(at: now)
    }

    var json: [UInt8] {
        var out = ByteWriter(capacity: 128 + marks.count * 48)
        out.appendChecked {
            $0.member("format", "index/1")
            $0.member("base_offset", baseOffset)
            $0.member("next_offset", nextOffset)
            $0.member("bytes", byteCount)
            $0.member("first_timestamp", firstTimestamp)
            $0.member("last_timestamp", lastTimestamp)
            $0.array("marks", of: marks) { json, mark in
                json.array {
                    $0.value(mark.offset)
                    $0.value(mark.position)
                    $0.value(mark.timestamp)
                }
            }
            if newestTimestamp != lastTimestamp { $0.member("newest_timestamp", newestTimestamp) }
            let turns = marks.filter(\.isTurn)
            if !turns.isEmpty { $0.member("turns", turns.map(\.offset)) }
        }
        return out.bytes
    }

    /// Returns `nil` if the bytes are not an index, or a damaged one.
    init?(json: [UInt8]) {
        let parsed: IndexFile? = json.withUnsafeBytes { bytes in
            guard Checksum.damage(bytes) == nil else { return nil }
            return try? Self.read(bytes)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    init(
        baseOffset: Int64, nextOffset: Int64, byteCount: Int64, firstTimestamp: Int64, lastTimestamp: Int64,
        newestTimestamp: Int64,
        marks: [SegmentIndex.Mark]
    ) {
        self.baseOffset = baseOffset
        self.nextOffset = nextOffset
        self.byteCount = byteCount
        self.firstTimestamp = firstTimestamp
        self.lastTimestamp = lastTimestamp
        self.newestTimestamp = newestTimestamp
        self.marks = marks
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> IndexFile? {
        var index = IndexFile(
            baseOffset: -1, nextOffset: -1, byteCount: -1, firstTimestamp: 0, lastTimestamp: 0, newestTimestamp: 0,
            marks: [])
        var newest: Int64?
        var turns: Set<Int64> = []
        var hasFormat = false
        var reader = JSONReader(bytes)
        try reader.readObject { (key, reader) throws(JSONError) in
            if key == "format" {
                hasFormat = try reader.readText() == "index/1"
            } else if key == "base_offset" {
                index.baseOffset = try reader.readInt64()
            } else if key == "next_offset" {
                index.nextOffset = try reader.readInt64()
            } else if key == "bytes" {
                index.byteCount = try reader.readInt64()
            } else if key == "first_timestamp" {
                index.firstTimestamp = try reader.readInt64()
            } else if key == "last_timestamp" {
                index.lastTimestamp = try reader.readInt64()
            } else if key == "marks" {
                try reader.readArray { (reader) throws(JSONError) in
                    let numbers = try reader.readIntegers(3)
                    index.marks.append(.init(offset: numbers[0], position: numbers[1], timestamp: numbers[2]))
                }
            } else if key == "newest_timestamp" {
                newest = try reader.readInt64()
            } else if key == "turns" {
                try reader.readArray { (reader) throws(JSONError) in turns.insert(try reader.readInt64()) }
            } else {
                _ = try reader.skipValue()
            }
        }
        index.newestTimestamp = newest ?? index.lastTimestamp
        for place in index.marks.indices where turns.contains(index.marks[place].offset) {
            index.marks[place].isTurn = true
        }
        return hasFormat && index.isPossible ? index : nil
    }

    /// Whether such a segment is possible: a correct checksum does not make the numbers plausible.
    private var isPossible: Bool {
        guard baseOffset >= 0, nextOffset >= baseOffset, nextOffset <= Record.numberBound, byteCount >= 0 else {
            return false
        }
        guard firstTimestamp >= 0, lastTimestamp >= 0 else { return false }
        guard newestTimestamp >= max(firstTimestamp, lastTimestamp) else { return false }
        var last = (offset: baseOffset - 1, position: Int64(-1))
        for mark in marks {
            guard mark.offset > last.offset, mark.position > last.position, mark.timestamp >= 0 else { return false }
            last = (mark.offset, mark.position)
        }
        guard let first = marks.first else { return nextOffset == baseOffset }
        return first.offset == baseOffset && first.position == 0 && last.offset < nextOffset
            && last.position < byteCount
    }
}

extension JSONReader {
    /// Reads an array of exactly `count` integers.
    mutating func readIntegers(_ count: Int) throws(JSONError) -> [Int64] {
        var numbers: [Int64] = []
        try readArray { (reader) throws(JSONError) in numbers.append(try reader.readInt64()) }
        guard numbers.count == count else { throw error("\(count) integers were expected") }
        return numbers
    }
}
