import TelemetryBase
import TelemetryMQProtocol

/// The producer table on disk, as it was when the last segment was sealed, one JSON object:
///
///     {"format":"producers/1","end_offset":9,"producers":[{"id":"p","runs":[[5,0,9],…]},…],"crc32c":"9a8b7c6d"}
///
/// A run is `[sequence, offset, count]`. The records from `end_offset` on bring the table up to date; without the file,
/// all records do.
struct ProducerFile {
    static let name = "producers.snapshot"

    static func json(_ table: ProducerTable, endOffset: Int64) -> [UInt8] {
        var out = ByteWriter(capacity: 4096)
        out.appendChecked {
            $0.member("format", "producers/1")
            $0.member("end_offset", endOffset)
            $0.array("producers") { json in
                for producer in table.byLastOffset where !producer.runs.isEmpty {
                    json.object {
                        $0.member("id", producer.id)
                        $0.array("runs", of: producer.runs.suffix(ProducerTable.maxRuns)) { json, run in
                            json.array {
                                $0.value(run.sequence)
                                $0.value(run.offset)
                                $0.value(run.count)
                            }
                        }
                    }
                }
            }
        }
        return out.bytes
    }

    /// Returns `nil` if the bytes are not a snapshot, or a damaged one.
    static func parse(_ json: [UInt8]) -> (table: ProducerTable, endOffset: Int64)? {
        json.withUnsafeBytes { bytes in
            guard Checksum.damage(bytes) == nil else { return nil }
            return try? read(bytes)
        }
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> (
        table: ProducerTable, endOffset: Int64
    )? {
        var table = ProducerTable()
        var endOffset: Int64 = -1
        var runsEnd: Int64 = 0
        var hasFormat = false
        var reader = JSONReader(bytes)
        try reader.readObject { (key, reader) throws(JSONError) in
            if key == "format" {
                hasFormat = try reader.readText() == "producers/1"
            } else if key == "end_offset" {
                endOffset = try reader.readInt64()
            } else if key == "producers" {
                try reader.readArray { (reader) throws(JSONError) in
                    runsEnd = max(runsEnd, try readProducer(&reader, &table))
                }
            } else {
                _ = try reader.skipValue()
            }
        }
        return hasFormat && runsEnd <= endOffset ? (table, endOffset) : nil
    }

    /// Returns the offset after the producer's last message.
    private static func readProducer(_ reader: inout JSONReader, _ table: inout ProducerTable) throws(JSONError)
        -> Int64
    {
        var id = ""
        var runs: [ProducerTable.Run] = []
        try reader.readObject { (key, reader) throws(JSONError) in
            if key == "id" {
                id = try reader.readString()
            } else if key == "runs" {
                try reader.readArray { (reader) throws(JSONError) in
                    let numbers = try reader.readIntegers(3)
                    let run = ProducerTable.Run(sequence: numbers[0], offset: numbers[1], count: numbers[2])
                    guard run.isPossible(after: runs.last) else { throw reader.error("invalid run") }
                    runs.append(run)
                }
            } else {
                _ = try reader.skipValue()
            }
        }
        table.restore(id, runs)
        return runs.last.map { $0.offset + $0.count } ?? 0
    }
}

extension ProducerTable.Run {
    fileprivate func isPossible(after other: ProducerTable.Run?) -> Bool {
        guard sequence >= 0, offset >= 0, count > 0, count <= Record.numberBound - max(sequence, offset) else {
            return false
        }
        return other.map { sequence >= $0.sequence + $0.count && offset >= $0.offset + $0.count } ?? true
    }
}
