/// Appends text and JSON to a growing array of bytes.
package struct ByteWriter: Sendable {
    package var bytes: [UInt8]

    package init(capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    package var count: Int { bytes.count }

    @inlinable
    package mutating func append(_ byte: UInt8) {
        bytes.append(byte)
    }

    @inlinable
    package mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    package mutating func append(_ raw: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: raw)
    }

    package mutating func append(_ other: [UInt8]) {
        bytes.append(contentsOf: other)
    }

    /// Appends them one after another, with one reservation of memory.
    package mutating func append(_ first: [UInt8], _ second: [UInt8]) {
        bytes.append(addingCapacity: first.count + second.count) { (out: inout OutputSpan<UInt8>) in
            first.withUnsafeBufferPointer { copy($0, to: &out) }
            second.withUnsafeBufferPointer { copy($0, to: &out) }
        }
    }

    package mutating func append(_ other: ArraySlice<UInt8>) {
        bytes.append(contentsOf: other)
    }

    package mutating func appendDecimal(_ value: UInt64) {
        withUnsafeTemporaryAllocation(byteCount: maxDecimalDigits, alignment: 1) { digits in
            let count = writeDecimal(value, to: digits.baseAddress!)
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: digits.baseAddress!, count: count))
        }
    }

    package mutating func appendDecimal(_ value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        appendDecimal(value.magnitude)
    }

    package mutating func appendDecimal(_ value: Int) {
        appendDecimal(Int64(value))
    }

    /// Writes the value in decimal, padded with zeros on the left to `width`.
    package mutating func appendDecimal(_ value: Int, width: Int) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        for _ in 0..<max(0, width - digits) { append(UInt8(ascii: "0")) }
        appendDecimal(value)
    }

    /// Writes a text that parses to the same value: integral values without a decimal point, others with the fewest
    /// decimals possible. The value must be finite, because JSON has no others.
    package mutating func appendDouble(_ value: Double) {
        precondition(value.isFinite, "JSON has no NaN and no infinity")
        if value == 0 {
            append(value.sign == .minus ? "-0" : "0")
            return
        }
        let magnitude = value.magnitude
        if magnitude < 9_007_199_254_740_992 {
            if value.sign == .minus { append(UInt8(ascii: "-")) }
            let whole = magnitude.rounded(.towardZero)
            if whole == magnitude {
                appendDecimal(UInt64(whole))
                return
            }
            // An integer below 2^53 divided by a power of ten up to 10^22 rounds once, as a parser's conversion of the
            // digits does: equality here means that the digits parse to the value.
            var scale = 10.0
            for decimals in 1...6 {
                let scaled = (magnitude * scale).rounded()
                if scaled < 9_007_199_254_740_992, scaled / scale == magnitude {
                    let digits = UInt64(scaled)
                    let divisor = UInt64(scale)
                    appendDecimal(digits / divisor)
                    append(UInt8(ascii: "."))
                    appendDecimal(Int(digits % divisor), width: decimals)
                    return
                }
                scale *= 10
            }
            bytes.append(contentsOf: magnitude.description.utf8)
            return
        }
        bytes.append(contentsOf: value.description.utf8)
    }

    /// Writes the text in quotes, escaped as RFC 8259 section 7 requires; all other characters are unchanged.
    package mutating func appendJSONString(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            guard !needsEscape(utf8) else { return appendEscaped(utf8) }
            bytes.append(addingCapacity: utf8.count + 2) { (out: inout OutputSpan<UInt8>) in
                out.append(UInt8(ascii: "\""))
                copy(utf8, to: &out)
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

/// The capacity must suffice.
private func copy(_ bytes: UnsafeBufferPointer<UInt8>, to out: inout OutputSpan<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    out.withUnsafeMutableBufferPointer { room, count in
        (room.baseAddress! + count).initialize(from: start, count: bytes.count)
        count += bytes.count
    }
}

private func mustEscape(_ byte: UInt8) -> Bool { byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") }

/// Without a branch per byte, so that the compiler can vectorise it.
private func needsEscape(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
    var found: UInt8 = 0
    for byte in utf8 { found |= mustEscape(byte) ? 1 : 0 }
    return found != 0
}

@inlinable
package func hexDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
}
