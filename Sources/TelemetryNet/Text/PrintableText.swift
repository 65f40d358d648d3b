/// Text of a stranger, fit for a log or a terminal: what moves the cursor, changes the order of what is read, or cannot
/// be seen is written as an escape (`\u009b`), so that a name in a message can neither act on a terminal nor forge a
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
    /// The text with escapes for what ``Unicode/Scalar/isUnprintable`` names, as JSON writes them.
    ///
    /// - Parameter kept: characters that are written as they are all the same, such as a line feed.
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

    /// The text in quotes. It reads back as the same text.
    package mutating func appendPrintableJSONString(_ text: String) {
        var quoted = ByteWriter(capacity: text.utf8.count + 2)
        quoted.appendJSONString(text)
        appendPrintable(String(decoding: quoted.bytes, as: UTF8.self))
    }

    /// `\u009b`; beyond 16 bits in two halves.
    private mutating func appendEscape(of scalar: Unicode.Scalar) {
        for unit in UTF16.encode(scalar)! {
            append("\\u")
            for shift in [12, 8, 4, 0] as [UInt16] { append(hexDigit(UInt8(truncatingIfNeeded: unit >> shift & 15))) }
        }
    }
}

/// The text with escapes for what cannot be seen, or acts on a terminal.
package func printable(_ text: String, keeping kept: [Unicode.Scalar] = []) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    var out = ByteWriter(capacity: text.utf8.count)
    out.appendPrintable(text, keeping: kept)
    return String(decoding: out.bytes, as: UTF8.self)
}
