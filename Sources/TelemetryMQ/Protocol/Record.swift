import Glibc
import TelemetryBase

/// The form of one record of the log, which is the frame that subscribers receive:
///
///     <4 bytes, big-endian: N> {"type":"message","message_id":"7","offset":7,"timestamp":1732380000000000,
///     "producer_id":"p","sequence":5,"payload":…,"crc32c":"9a8b7c6d"}
///
/// without white space and in this order; `producer_id` and `sequence` are present if the producer sent them.
/// `timestamp` is in microseconds since 1970. The checksum covers the 4 length bytes and all bytes before its own
/// member.
@usableFromInline
package enum Record {
    @inlinable
    package static var lengthBytes: Int { 4 }
    @inlinable
    package static var trailerBytes: Int { Checksum.memberBytes }
    /// Bytes that a record has beside its payload and its producer's id, at most.
    @inlinable
    package static var maxOverhead: Int { 256 }
    /// Offsets and sequences are below it, so that their sums and differences are always numbers.
    @inlinable
    package static var numberBound: Int64 { 1 << 62 }

    @inlinable
    package static var opening: StaticString { #"{"type":"message","message_id":""# }
    @inlinable
    package static var offsetName: StaticString { #"","offset":"# }
    @inlinable
    package static var timestampName: StaticString { #","timestamp":"# }
    @inlinable
    package static var producerName: StaticString { #","producer_id":"# }
    @inlinable
    package static var sequenceName: StaticString { #","sequence":"# }
    @inlinable
    package static var payloadName: StaticString { #","payload":"# }

    /// The members of a record. `payload`: bytes from the start of the record.
    package struct Header: Sendable {
        package var offset: Int64
        package var timestamp: Int64
        package var producerID: String?
        package var sequence: Int64?
        package var payload: Range<Int>
    }

    /// The number that the record's first four bytes hold, plus those four.
    @inlinable
    @inline(__always)
    package static func totalBytes(_ start: UnsafeRawPointer) -> Int {
        lengthBytes + Int(UInt32(bigEndian: start.loadUnaligned(as: UInt32.self)))
    }

    /// Checks that the bytes are one complete record with a correct checksum; returns the problem if not, otherwise
    /// `nil`.
    package static func damage(_ record: UnsafeRawBufferPointer) -> String? {
        guard record.count > lengthBytes + trailerBytes, totalBytes(record.baseAddress!) == record.count else {
            return "not a valid record length"
        }
        return Checksum.damage(record)
    }

    /// Parses a record whose checksum is correct.
    package static func header(_ record: UnsafeRawBufferPointer) -> Header? {
        var cursor = Cursor(bytes: record, at: lengthBytes)
        guard cursor.skip(opening), cursor.decimal() != nil, cursor.skip(offsetName), let offset = cursor.decimal(),
            offset < numberBound,
            cursor.skip(timestampName), let timestamp = cursor.decimal()
        else { return nil }
        var header = Header(offset: offset, timestamp: timestamp, payload: 0..<0)
        if cursor.skip(producerName) {
            guard let id = cursor.string(), cursor.skip(sequenceName), let sequence = cursor.decimal(),
                sequence < numberBound
            else { return nil }
            header.producerID = id
            header.sequence = sequence
        }
        guard cursor.skip(payloadName), cursor.at <= record.count - trailerBytes else { return nil }
        header.payload = cursor.at..<record.count - trailerBytes
        return header
    }

    private struct Cursor {
        let bytes: UnsafeRawBufferPointer
        var at: Int

        mutating func skip(_ text: StaticString) -> Bool {
            let count = text.utf8CodeUnitCount
            guard at + count <= bytes.count, memcmp(bytes.baseAddress! + at, text.utf8Start, count) == 0 else {
                return false
            }
            at += count
            return true
        }

        mutating func decimal() -> Int64? {
            let start = at
            while at < bytes.count, bytes[at] &- 48 < 10 { at += 1 }
            return parseDecimal(UnsafeRawBufferPointer(rebasing: bytes[start..<at])).flatMap { Int64(exactly: $0) }
        }

        mutating func string() -> String? {
            var reader = JSONReader(UnsafeRawBufferPointer(rebasing: bytes[at...]))
            guard let text = try? reader.readString() else { return nil }
            at += reader.position
            return text
        }
    }
}
