import TelemetryBase

/// Sixteen lowercase hexadecimal digits.
package enum Hex {
    package static func digits(_ value: UInt64) -> [UInt8] {
        (0..<16).map { hexDigit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * $0)) & 15) }
    }

    package static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }

    /// Returns `nil` for anything but sixteen of them.
    package static func number(_ digits: [UInt8]) -> UInt64? {
        guard digits.count == 16, digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 << 4 | UInt64($1 < 0x40 ? $1 - 0x30 : $1 - 0x57) }
    }
}

extension JSONText {
    /// Returns the text's bytes with its escapes resolved.
    package var resolvedBytes: [UInt8] { hasEscapes ? Array(string.utf8) : Array(raw) }

    package func equals(_ bytes: [UInt8]) -> Bool {
        hasEscapes ? string.utf8.elementsEqual(bytes) : raw.elementsEqual(bytes)
    }
}
