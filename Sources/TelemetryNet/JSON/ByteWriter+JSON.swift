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

    /// Writes `null` for a value that JSON cannot represent.
    package mutating func appendNumber(_ value: Double) {
        if value.isFinite { appendDouble(value) } else { append("null") }
    }
}
