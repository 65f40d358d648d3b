import Foundation

/// What a queue server has promised, to be held against what its log holds. It reads the segments by their specification
/// (Docs/LogFormat.md) and shares no code with the server.
package struct Oracle: Sendable {
    /// Answered with success: payload → offset. Must be in the log, there.
    package private(set) var acknowledged: [String: Int64] = [:]
    /// Sent: may be in the log, once.
    package private(set) var sent: Set<String> = []
    private var contradictions: [String] = []

    package init() {}

    /// The payload of a producer's message; different for each, so that it is the message's identity.
    package static func payload(_ producer: String, _ sequence: Int64) -> String {
        #"{"p":"\#(producer)","s":\#(sequence)}"#
    }

    package mutating func send(_ producer: String, _ sequence: Int64) {
        sent.insert(Self.payload(producer, sequence))
    }

    package mutating func acknowledge(_ producer: String, _ sequence: Int64, offset: Int64) {
        let payload = Self.payload(producer, sequence)
        if let before = acknowledged[payload], before != offset {
            contradictions.append("\(payload) was answered with offset \(before) and then with \(offset)")
        }
        acknowledged[payload] = offset
    }

    /// Every broken promise: a gap in the offsets, a bad checksum, a message that was never sent or is there twice, a producer's
    /// messages out of order, an acknowledged message that is not at its offset.
    package func violations(inDirectory path: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".log") }
        return violations(in: try names.map { ($0, [UInt8](try Data(contentsOf: URL(filePath: path + "/" + $0)))) })
    }

    /// The same of segments in memory.
    package func violations(in segments: [(name: String, bytes: [UInt8])]) -> [String] {
        var found = contradictions
        var offsets: [String: Int64] = [:]
        var last: [String: Int64] = [:]
        let segments = segments.sorted { $0.name < $1.name }
        let oldest = segments.first.flatMap { Int64($0.name.prefix(20)) } ?? 0
        var next = oldest
        for (name, bytes) in segments {
            if Int64(name.prefix(20)) != next { found.append("\(name) comes where message \(next) is due") }
            for record in Self.records(bytes, name, &found) {
                guard let (offset, payload) = Self.read(record) else {
                    found.append("\(name): a record that is none, where message \(next) is due")
                    break
                }
                if offset != next { found.append("\(name): message \(offset) comes where \(next) is due") }
                next = offset + 1
                guard sent.contains(payload) else {
                    found.append("message \(offset) was never sent: \(payload.prefix(200))")
                    continue
                }
                if let before = offsets[payload] { found.append("\(payload) is stored at \(before) and at \(offset)") }
                offsets[payload] = offset
                let parts = (try? JSONSerialization.jsonObject(with: Data(payload.utf8))) as? [String: Any] ?? [:]
                guard let producer = parts["p"] as? String, let sequence = parts["s"] as? Int64 else { continue }
                if let before = last[producer], before >= sequence { found.append("\(payload) comes after \(before)") }
                last[producer] = sequence
            }
        }
        for (payload, offset) in acknowledged where offset >= oldest && offsets[payload] != offset {
            found.append(
                "\(payload) was acknowledged at \(offset) and is at \(offsets[payload].map { "\($0)" } ?? "no place")")
        }
        return found
    }

    private static func records(_ bytes: [UInt8], _ name: String, _ found: inout [String]) -> [ArraySlice<UInt8>] {
        var records: [ArraySlice<UInt8>] = []
        var at = 0
        while at < bytes.count {
            guard at + 4 <= bytes.count, case let end = at + 4 + bytes[at..<at + 4].reduce(0, { $0 << 8 | Int($1) }),
                end <= bytes.count
            else {
                found.append("\(name): \(bytes.count - at) bytes at the end that are no record")
                break
            }
            records.append(bytes[at..<end])
            at = end
        }
        return records
    }

    /// Offset and payload of a record whose checksum is right.
    private static func read(_ record: ArraySlice<UInt8>) -> (offset: Int64, payload: String)? {
        let body = Data(record.dropFirst(4))
        guard let message = (try? JSONSerialization.jsonObject(with: body)) as? [String: Any],
            let offset = message["offset"] as? Int64,
            let checksum = message["crc32c"] as? String, checksum.count == 8,
            UInt32(checksum, radix: 16) == crc32c(record.dropLast(21))
        else { return nil }
        let text = String(decoding: body, as: UTF8.self)
        guard let start = text.range(of: #","payload":"#) else { return nil }
        return (offset, String(text[start.upperBound...].dropLast(21)))
    }

    private static func crc32c(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82F6_3B78 : crc >> 1 }
        }
        return ~crc
    }
}
