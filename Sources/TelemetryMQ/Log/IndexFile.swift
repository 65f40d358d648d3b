import TelemetryNet

/// The index of a sealed segment on disk, one JSON object:
///
///     {"format":"index/1","base_offset":0,"next_offset":9,"bytes":999,"first_timestamp":1,"last_timestamp":2,
///     "marks":[[0,0,1],…],"crc32c":"9a8b7c6d"}
///
/// Written once all of the segment is on the device. So it says two things: where records are, without a scan; and that
/// whatever is wrong with the segment now is damage, not the torn end of a write. It holds nothing that a scan cannot
/// find again.
struct IndexFile: Sendable, Equatable {
    static let nameSuffix = ".index"

    var baseOffset: Int64
    var nextOffset: Int64
    var byteCount: Int64
    var firstTimestamp: Int64
    var lastTimestamp: Int64
    var marks: [SegmentIndex.Mark]

    static func name(baseOffset: Int64) -> String {
        String(Segment.name(baseOffset: baseOffset).dropLast(Segment.nameSuffix.count)) + nameSuffix
    }

    var json: [UInt8] {
        var out = ByteWriter(capacity: 128 + marks.count * 48)
        out.append(#"{"format":"index/1","base_offset":"#)
        out.appendDecimal(baseOffset)
        out.append(#","next_offset":"#)
        out.appendDecimal(nextOffset)
        out.append(#","bytes":"#)
        out.appendDecimal(byteCount)
        out.append(#","first_timestamp":"#)
        out.appendDecimal(firstTimestamp)
        out.append(#","last_timestamp":"#)
        out.appendDecimal(lastTimestamp)
        out.append(#","marks":["#)
        for (index, mark) in marks.enumerated() {
            out.append(index > 0 ? ",[" : "[")
            out.appendDecimal(mark.offset)
            out.append(",")
            out.appendDecimal(mark.position)
            out.append(",")
            out.appendDecimal(mark.timestamp)
            out.append("]")
        }
        out.append("]")
        out.appendChecksum(from: 0)
        return out.bytes
    }

    /// `nil` where the bytes are not an index, or a damaged one.
    init?(json: [UInt8]) {
        let parsed: IndexFile? = json.withUnsafeBytes { bytes in
            guard Checksum.damage(bytes) == nil else { return nil }
            return try? Self.read(bytes)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    init(baseOffset: Int64, nextOffset: Int64, byteCount: Int64, firstTimestamp: Int64, lastTimestamp: Int64, marks: [SegmentIndex.Mark]) {
        self.baseOffset = baseOffset
        self.nextOffset = nextOffset
        self.byteCount = byteCount
        self.firstTimestamp = firstTimestamp
        self.lastTimestamp = lastTimestamp
        self.marks = marks
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> IndexFile? {
        var index = IndexFile(baseOffset: -1, nextOffset: -1, byteCount: -1, firstTimestamp: 0, lastTimestamp: 0, marks: [])
        var hasFormat = false
        var reader = JSONReader(bytes)
        try reader.beginObject()
        while let key = try reader.nextKey() {
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
                try reader.beginArray()
                while try reader.nextElement() {
                    let numbers = try reader.readIntegers(3)
                    index.marks.append(.init(offset: numbers[0], position: numbers[1], timestamp: numbers[2]))
                }
            } else {
                _ = try reader.skipValue()
            }
        }
        return hasFormat && index.isPossible ? index : nil
    }

    /// Whether a segment can be like this: the checksum protects from accidents, not from those who write a right one.
    private var isPossible: Bool {
        guard baseOffset >= 0, nextOffset >= baseOffset, nextOffset <= Record.numberBound, byteCount >= 0,
            firstTimestamp >= 0, lastTimestamp >= 0
        else { return false }
        let areWithin = marks.allSatisfy {
            baseOffset..<nextOffset ~= $0.offset && 0..<byteCount ~= $0.position && $0.timestamp >= 0
        }
        return areWithin && zip(marks, marks.dropFirst()).allSatisfy { $0.offset < $1.offset && $0.position < $1.position }
    }
}

extension JSONReader {
    /// An array of exactly so many integers.
    mutating func readIntegers(_ count: Int) throws(JSONError) -> [Int64] {
        var numbers: [Int64] = []
        try beginArray()
        while try nextElement() { numbers.append(try readInt64()) }
        guard numbers.count == count else { throw error("\(count) integers were expected") }
        return numbers
    }
}
