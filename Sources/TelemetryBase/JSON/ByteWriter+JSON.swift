extension ByteWriter {
    /// `[…]`
    package mutating func appendList<Element>(
        _ items: some Sequence<Element>, _ append: (inout ByteWriter, Element) -> Void
    ) {
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
}
