/// Makes untrusted text safe for a log or a terminal: characters that move the cursor, change the reading order, or are
/// invisible are written as escapes (`\u009b`), so that a name in a message can neither control a terminal nor forge a
/// line.
extension Unicode.Scalar {
    /// Control and format characters, and separators of lines and paragraphs: C0, DEL, C1, bidirectional overrides,
    /// zero-width characters.
    package var isUnprintable: Bool {
        if value >= 0x20 && value < 0x7F { return false }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

extension ByteWriter {
    /// Returns the text with escapes for the characters that ``Unicode/Scalar/isUnprintable`` matches, as JSON writes
    /// them.
    ///
    /// - Parameter kept: Characters that are written unchanged, such as a line feed.
    package mutating func appendPrintable(_ text: String, keeping kept: [Unicode.Scalar] = []) {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return append(text) }
        for scalar in text.unicodeScalars {
            if scalar.isUnprintable, !kept.contains(scalar) {
                appendEscape(of: scalar)
            } else {
                append(String(Character(scalar)))
            }
        }
    }

    /// The text in quotes, which parses to the same text.
    package mutating func appendPrintableJSONString(_ text: String) {
        var quoted = ByteWriter(capacity: text.utf8.count + 2)
        quoted.appendJSONString(text)
        appendPrintable(String(decoding: quoted.bytes, as: UTF8.self))
    }

    /// `\u009b`; a scalar beyond 16 bits as a surrogate pair.
    private mutating func appendEscape(of scalar: Unicode.Scalar) {
        for unit in UTF16.encode(scalar)! {
            append("\\u")
            for shift in [12, 8, 4, 0] as [UInt16] { append(hexDigit(UInt8(truncatingIfNeeded: unit >> shift & 15))) }
        }
    }
}

/// The text with escapes for invisible characters and those that control a terminal.
package func printable(_ text: String, keeping kept: [Unicode.Scalar] = []) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    var out = ByteWriter(capacity: text.utf8.count)
    out.appendPrintable(text, keeping: kept)
    return String(decoding: out.bytes, as: UTF8.self)
}
