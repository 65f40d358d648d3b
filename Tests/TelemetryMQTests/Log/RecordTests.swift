import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQProtocol

@Suite("Records")
struct RecordTests {
    @Test("CRC-32C has the check value of the standard, by instruction and by table")
    func checkValue() {
        let digits = Array("123456789".utf8)
        #expect(digits.withUnsafeBytes { CRC32C.checksum($0) } == 0xE306_9283)
        #expect(digits.withUnsafeBytes { CRC32C.tableChecksum($0) } == 0xE306_9283)
    }

    @Test("the instructions and the table agree at every length, through every way of dividing the bytes")
    func lengths() {
        let bytes = (0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 167 ^ $0 >> 5) }
        for length in Array(0..<1300) + [3071, 3072, 3073, 4096, 6143, 6150, 8999] {
            let (quick, plain) = bytes[..<length].withUnsafeBytes {
                (CRC32C.checksum($0, seed: 99), CRC32C.tableChecksum($0, seed: 99))
            }
            #expect(quick == plain, "\(length) bytes")
        }
    }

    @Test("a checksum of parts is that of the whole, at every split")
    func parts() {
        let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 * 37) }
        let whole = bytes.withUnsafeBytes { CRC32C.checksum($0) }
        for split in 0...100 {
            let first = bytes[..<split].withUnsafeBytes { CRC32C.checksum($0) }
            #expect(bytes[split...].withUnsafeBytes { CRC32C.checksum($0, seed: first) } == whole)
        }
    }

    @Test("a bit flipped anywhere in a record is found")
    func everyBit() {
        let record = makeRecord(payload: #"{"a":"some payload"}"#, producer: "p")
        #expect(record.withUnsafeBytes { Record.damage($0) } == nil)
        for place in record.indices {
            for bit in 0..<8 {
                var damaged = record
                damaged[place] ^= 1 << UInt8(bit)
                #expect(damaged.withUnsafeBytes { Record.damage($0) } != nil, "byte \(place), bit \(bit)")
            }
        }
    }

    @Test("a header reads back what was written", arguments: [nil, "p", "pröducer \"x\""] as [String?])
    func header(producer: String?) throws {
        let record = makeRecord(payload: "[1,2]", producer: producer)
        let header = try #require(record.withUnsafeBytes { Record.header($0) })
        #expect(header.offset == 7)
        #expect(header.timestamp == 1_732_380_000_000_000)
        #expect(header.producerID == producer)
        #expect(header.sequence == (producer == nil ? nil : 5))
        #expect(String(decoding: record[header.payload], as: UTF8.self) == "[1,2]")
    }

    @Test("offsets count up through every change of digits, whatever the timestamps do")
    func countingUp() {
        for start: Int64 in [0, 5, 95, 990, 9_999_999_990, 1_099] {
            var batch = AppendBatch(firstOffset: start)
            let payload = Array("1".utf8)
            for n in 0..<1000 { payload.withUnsafeBytes { _ = batch.append(payload: $0, timestamp: Int64(n / 7)) } }
            let bytes = batch.parts().flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
            bytes.withUnsafeBytes { bytes in
                var at = 0
                for n in 0..<1000 {
                    let total = Record.totalBytes(bytes.baseAddress! + at)
                    let record = UnsafeRawBufferPointer(rebasing: bytes[at..<at + total])
                    #expect(Record.damage(record) == nil)
                    #expect(Record.header(record)?.offset == start + Int64(n))
                    #expect(Record.header(record)?.timestamp == Int64(n / 7))
                    #expect(String(decoding: record, as: UTF8.self).contains("\"message_id\":\"\(start + Int64(n))\","))
                    at += total
                }
            }
        }
    }

    @Test("large payloads that are not copied give the same record")
    func largePayload() {
        for size in [100, 4093, 4094, 4095, 100_000] {
            let text = "\"" + String(repeating: "x", count: size) + "\""
            let record = makeRecord(payload: text, producer: nil)
            #expect(record.withUnsafeBytes { Record.damage($0) } == nil)
            let header = record.withUnsafeBytes { Record.header($0) }
            #expect(header.map { String(decoding: record[$0.payload], as: UTF8.self) } == text)
        }
    }
}

func makeRecord(payload: String, producer: String?) -> [UInt8] {
    var batch = AppendBatch(firstOffset: 7)
    let quoted = producer.map { id in
        var writer = ByteWriter()
        writer.appendJSONString(id)
        return writer.bytes
    }
    let bytes = Array(payload.utf8)
    return bytes.withUnsafeBytes { payload in
        if let quoted {
            quoted.withUnsafeBytes {
                _ = batch.append(payload: payload, timestamp: 1_732_380_000_000_000, producerID: $0, sequence: 5)
            }
        } else {
            batch.append(payload: payload, timestamp: 1_732_380_000_000_000)
        }
        return batch.parts().flatMap { Array(UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len)) }
    }
}
