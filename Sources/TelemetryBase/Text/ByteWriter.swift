/// Appends text to a growing array of bytes.
@usableFromInline
package struct ByteWriter: Sendable {
    @usableFromInline package var bytes: [UInt8]

    package init(capacity: Int) {
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

    @usableFromInline
    package mutating func append(_ raw: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: raw)
    }

    package mutating func append(_ other: [UInt8]) {
        bytes.append(contentsOf: other)
    }

    /// Appends them one after another, with one reservation of memory.
    package mutating func append(_ first: [UInt8], _ second: [UInt8]) {
        bytes.append(addingCapacity: first.count + second.count) { (out: inout OutputSpan<UInt8>) in
            first.withUnsafeBufferPointer { appendBytes($0, to: &out) }
            second.withUnsafeBufferPointer { appendBytes($0, to: &out) }
        }
    }

    package mutating func append(_ other: ArraySlice<UInt8>) {
        bytes.append(contentsOf: other)
    }

    @usableFromInline
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

    /// A text that reads back as the same value: integral values without a point, else with as few decimals as
    /// that takes. The value must be finite, since JSON has no other.
    @usableFromInline
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
}

/// There must be room.
func appendBytes(_ bytes: UnsafeBufferPointer<UInt8>, to out: inout OutputSpan<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    out.withUnsafeMutableBufferPointer { room, count in
        (room.baseAddress! + count).initialize(from: start, count: bytes.count)
        count += bytes.count
    }
}
