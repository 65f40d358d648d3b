import Glibc
import TelemetryBase

/// The member that ends every JSON object of the log's files: `,"crc32c":"9a8b7c6d"}`, the CRC-32C of the bytes before
/// it.
@usableFromInline
package enum Checksum {
    @inlinable
    package static var name: StaticString { #","crc32c":""# }
    /// Of the whole member, with the brace behind it.
    @inlinable
    package static var memberBytes: Int { 21 }

    /// Checks that the bytes end with the member and that its checksum is correct; returns the problem if not,
    /// otherwise `nil`.
    package static func damage(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count > memberBytes else { return "too short for a checksum" }
        let body = bytes.count - memberBytes
        let member = UnsafeRawBufferPointer(rebasing: bytes[body...])
        guard memcmp(member.baseAddress!, name.utf8Start, name.utf8CodeUnitCount) == 0,
            member[19] == UInt8(ascii: "\""), member[20] == UInt8(ascii: "}")
        else { return "no checksum at its end" }
        let digits = hexDigits(CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<body])))
        return member.loadUnaligned(fromByteOffset: 11, as: UInt64.self) == digits ? nil : "the checksum does not match"
    }
}

extension ByteWriter {
    /// Appends a JSON object of the members that `members` writes, with the checksum of its bytes as the last member.
    package mutating func appendChecked(_ members: (inout JSONWriter<ByteWriter>) -> Void) {
        let start = count
        appendJSON { json in json.object(members) }
        bytes.removeLast()
        appendChecksum(from: start)
    }

    /// Ends the JSON object that starts at `start` and has no closing brace yet.
    package mutating func appendChecksum(from start: Int) {
        let checksum = bytes[start...].withUnsafeBytes { CRC32C.checksum($0) }
        append(Checksum.name)
        withUnsafeBytes(of: hexDigits(checksum)) { append($0) }
        append("\"}")
    }
}

/// A number in eight hexadecimal digits, as they lie in memory.
@inlinable
@inline(__always)
package func hexDigits(_ value: UInt32) -> UInt64 {
    // One digit per byte, the lowest in the lowest byte; then reordered for reading.
    var digits = UInt64(value)
    digits = (digits << 16 | digits) & 0x0000_FFFF_0000_FFFF
    digits = (digits << 8 | digits) & 0x00FF_00FF_00FF_00FF
    digits = (digits << 4 | digits) & 0x0F0F_0F0F_0F0F_0F0F
    // Digits above 9 are shifted by the distance between the character after "9" and "a".
    let letters = ((digits &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
    return (digits &+ 0x3030_3030_3030_3030 &+ letters &* 0x27).bigEndian
}
