extension ByteWriter {
    /// `[…]`
    package mutating func appendList<Element>(_ items: some Sequence<Element>, _ append: (inout ByteWriter, Element) -> Void) {
        self.append(UInt8(ascii: "["))
        var isFirst = true
        for item in items {
            if !isFirst { self.append(UInt8(ascii: ",")) }
            isFirst = false
            append(&self, item)
        }
        self.append(UInt8(ascii: "]"))
    }

    /// `null` for what JSON has no number for.
    @usableFromInline
    package mutating func appendNumber(_ value: Double) {
        if value.isFinite { appendDouble(value) } else { append("null") }
    }

    /// The text in quotes, escaped as RFC 8259 section 7 asks; all else stays as it is.
    @usableFromInline
    package mutating func appendJSONString(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            guard !needsEscape(utf8) else { return appendEscaped(utf8) }
            bytes.append(addingCapacity: utf8.count + 2) { (out: inout OutputSpan<UInt8>) in
                out.append(UInt8(ascii: "\""))
                appendBytes(utf8, to: &out)
                out.append(UInt8(ascii: "\""))
            }
        }
    }

    private mutating func appendEscaped(_ utf8: UnsafeBufferPointer<UInt8>) {
        append(UInt8(ascii: "\""))
        var start = 0
        for i in 0..<utf8.count where mustEscape(utf8[i]) {
            append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: utf8[start..<i])))
            appendEscape(of: utf8[i])
            start = i + 1
        }
        append(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: utf8[start...])))
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(of byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): append("\\\"")
        case UInt8(ascii: "\\"): append("\\\\")
        case 0x08: append("\\b")
        case 0x09: append("\\t")
        case 0x0A: append("\\n")
        case 0x0C: append("\\f")
        case 0x0D: append("\\r")
        default:
            append("\\u00")
            append(hexDigit(byte >> 4))
            append(hexDigit(byte & 15))
        }
    }
}

private func mustEscape(_ byte: UInt8) -> Bool { byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") }

/// Without a branch for each byte, so that the compiler can look at many at once.
private func needsEscape(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
    var found: UInt8 = 0
    for byte in utf8 { found |= mustEscape(byte) ? 1 : 0 }
    return found != 0
}
