// Makes untrusted text safe for a log or a terminal: characters that move the cursor, change the reading order, or are
// invisible are written as escapes (`\u009b`), so that a name in a message can neither control a terminal nor forge a
// line.

extension Unicode.Scalar {
    /// Control and format characters, and separators of lines and paragraphs: C0, DEL, C1, bidirectional overrides,
    /// zero-width characters.
    var isUnprintable: Bool {
        if value >= 0x20 && value < 0x7F { return false }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// `\u009b`, as JSON writes it; a scalar beyond 16 bits as a surrogate pair.
    fileprivate var escape: String {
        UTF16.encode(self)!.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }
}

extension String {
    /// The text with escapes for the characters that ``Unicode/Scalar/isUnprintable`` matches, except for `kept` ones.
    package func printable(keeping kept: [Unicode.Scalar] = []) -> String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return self }
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            if scalar.isUnprintable, !kept.contains(scalar) {
                text.append(contentsOf: scalar.escape.unicodeScalars)
            } else {
                text.append(scalar)
            }
        }
        return String(text)
    }

    /// The text as a JSON string, which contains only printable characters.
    package var json: String {
        var text = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                if scalar.isUnprintable { text += scalar.escape } else { text.unicodeScalars.append(scalar) }
            }
        }
        return text + "\""
    }
}
