/// Percent-encodes all characters that are not unreserved (RFC 3986, section 2.3): for one name or value of a query.
package func percentEncoded(_ text: String) -> String {
    if text.utf8.allSatisfy(isUnreserved) { return text }
    var out = ByteWriter(capacity: 3 * text.utf8.count)
    for byte in text.utf8 {
        if isUnreserved(byte) {
            out.append(byte)
        } else {
            out.append(UInt8(ascii: "%"))
            out.append(upperHexDigit(byte >> 4))
            out.append(upperHexDigit(byte & 15))
        }
    }
    return String(decoding: out.bytes, as: UTF8.self)
}

private func upperHexDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
}

private func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
        true
    default: false
    }
}

/// Resolves `%XX`, and `+` as a space if requested, as in a query. `nil` for an invalid escape or invalid UTF-8.
package func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool) -> String? {
    percentDecoded(Array(text.utf8)[...], plusIsSpace: plusIsSpace)
}

/// The same for bytes.
package func percentDecoded(_ bytes: ArraySlice<UInt8>, plusIsSpace: Bool) -> String? {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var i = bytes.startIndex
    while i < bytes.endIndex {
        if bytes[i] == UInt8(ascii: "%") {
            guard i + 2 < bytes.endIndex, let high = hexValue(bytes[i + 1]), let low = hexValue(bytes[i + 2]) else {
                return nil
            }
            out.append(high << 4 | low)
            i += 3
        } else {
            out.append(plusIsSpace && bytes[i] == UInt8(ascii: "+") ? 0x20 : bytes[i])
            i += 1
        }
    }
    return String(validating: out, as: UTF8.self)
}
