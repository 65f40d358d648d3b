import Glibc
import TelemetryNet

/// The member that ends every JSON object of the log's files: `,"crc32c":"9a8b7c6d"}`, the CRC-32C of the bytes before it.
enum Checksum {
    static let name: StaticString = #","crc32c":""#
    /// Of the whole member, with the brace behind it.
    static let memberBytes = 21

    /// Whether the bytes end with the member and its checksum is right; says what is wrong where not.
    static func damage(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count > memberBytes else { return "too short for a checksum" }
        let body = bytes.count - memberBytes
        let member = UnsafeRawBufferPointer(rebasing: bytes[body...])
        guard memcmp(member.baseAddress!, name.utf8Start, name.utf8CodeUnitCount) == 0,
            member[19] == UInt8(ascii: "\""), member[20] == UInt8(ascii: "}")
        else { return "no checksum at its end" }
        var digits = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<body]))
        for i in stride(from: 18, through: 11, by: -1) {
            guard member[i] == hexDigit(UInt8(digits & 15)) else { return "the checksum does not match" }
            digits >>= 4
        }
        return nil
    }
}

extension ByteWriter {
    /// Ends the JSON object that starts at `start` and has no closing brace yet.
    mutating func appendChecksum(from start: Int) {
        let checksum = bytes[start...].withUnsafeBytes { CRC32C.checksum($0) }
        append(Checksum.name)
        for shift in stride(from: 28, through: 0, by: -4) { append(hexDigit(UInt8(checksum >> UInt32(shift) & 15))) }
        append("\"}")
    }
}
