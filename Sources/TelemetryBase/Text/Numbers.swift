import Glibc

/// The number of digits of the largest `UInt64`.
@usableFromInline package let maxDecimalDigits = 20

/// Writes the value in decimal and returns the number of digits; there must be space for ``maxDecimalDigits``.
@inlinable
package func writeDecimal(_ value: UInt64, to out: UnsafeMutableRawPointer) -> Int {
    var count = 1
    var bound: UInt64 = 10
    while value >= bound {
        count += 1
        if count == 20 { break }
        bound &*= 10
    }
    var rest = value
    var at = count
    while at >= 2 {
        at -= 2
        // Two digits at a time, which halves the divisions.
        let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
        let tens = pair / 10
        out.storeBytes(
            of: UInt16(truncatingIfNeeded: 0x3030 &+ tens &+ (pair &- tens &* 10) << 8).littleEndian, toByteOffset: at,
            as: UInt16.self)
        rest = quotient
    }
    if at == 1 { out.storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ rest), as: UInt8.self) }
    return count
}

/// The value of a text that consists of decimal digits only; `nil` for any other text and if the value does not fit.
@inlinable
package func parseDecimal(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
    guard !bytes.isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
        let digit = byte &- 48
        guard digit < 10 else { return nil }
        if bytes.count < 20 {
            value = value &* 10 &+ UInt64(digit)
        } else {
            let (tenfold, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tenfold.addingReportingOverflow(UInt64(digit))
            if over || carry { return nil }
            value = sum
        }
    }
    return value
}

@usableFromInline
let exactPowersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21,
    1e22,
]

/// Parses the Double nearest to a decimal number: optional sign, digits, optional fraction and exponent, and nothing
/// else.
///
/// `nil` if the text is not such a number; `NaN` and `Inf` are not. A number beyond Double's range is infinite.
package func parseDouble(_ bytes: UnsafeRawBufferPointer) -> Double? {
    var i = 0
    let end = bytes.count
    guard end > 0 else { return nil }
    var negative = false
    if bytes[0] == UInt8(ascii: "-") {
        negative = true
        i = 1
    } else if bytes[0] == UInt8(ascii: "+") {
        i = 1
    }
    var mantissa: UInt64 = 0
    // Counts digits from the first one that is not 0. The mantissa cannot be used: beyond 19 digits it wraps around, at
    // 2^64 to 0.
    var significant = 0
    var digits = 0
    var exponent = 0
    while i < end, case let digit = bytes[i] &- 48, digit < 10 {
        mantissa = mantissa &* 10 &+ UInt64(digit)
        if significant > 0 || digit != 0 { significant += 1 }
        digits += 1
        i += 1
    }
    if i < end, bytes[i] == UInt8(ascii: ".") {
        i += 1
        while i < end, case let digit = bytes[i] &- 48, digit < 10 {
            mantissa = mantissa &* 10 &+ UInt64(digit)
            if significant > 0 || digit != 0 { significant += 1 }
            digits += 1
            exponent -= 1
            i += 1
        }
    }
    guard digits > 0 else { return nil }
    if i < end, bytes[i] | 0x20 == UInt8(ascii: "e") {
        i += 1
        var down = false
        if i < end, bytes[i] == UInt8(ascii: "-") || bytes[i] == UInt8(ascii: "+") {
            down = bytes[i] == UInt8(ascii: "-")
            i += 1
        }
        var written = 0
        let first = i
        while i < end, case let digit = bytes[i] &- 48, digit < 10 {
            written = min(written * 10 + Int(digit), 100_000)
            i += 1
        }
        guard i > first else { return nil }
        exponent += down ? -written : written
    }
    guard i == end else { return nil }
    // Below 2^53 and up to 10^22 both operands are exact, so one division or multiplication rounds correctly
    // (W. D. Clinger, "How to read floating point numbers accurately", 1990).
    if significant <= 19, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
        let magnitude =
            exponent < 0
            ? Double(mantissa) / exactPowersOfTen[-exponent] : Double(mantissa) * exactPowersOfTen[exponent]
        return negative ? -magnitude : magnitude
    }
    return withUnsafeTemporaryAllocation(byteCount: end + 1, alignment: 1) { text in
        text.copyMemory(from: bytes)
        text[end] = 0
        return strtod(text.baseAddress!.assumingMemoryBound(to: CChar.self), nil)
    }
}
