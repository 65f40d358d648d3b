/// Parses numbers as Prometheus' own parsers do: the syntax of Go's `strconv`, without hexadecimal and underscores.
package enum PrometheusNumber {
    /// `nil` if the text is not a number, or is beyond the range of a Double.
    @inline(__always)
    package static func value(_ text: UnsafeRawBufferPointer) -> Double? {
        guard let number = parseDouble(text) else { return word(text) }
        return number.isFinite ? number : nil
    }

    /// Case-insensitive; NaN has no sign.
    private static func word(_ text: UnsafeRawBufferPointer) -> Double? {
        guard let first = text.first, text.count <= 9 else { return nil }
        let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        switch String(decoding: text.dropFirst(isSigned ? 1 : 0), as: UTF8.self).lowercased() {
        case "inf", "infinity": return first == UInt8(ascii: "-") ? -.infinity : .infinity
        case "nan" where !isSigned: return .nan
        default: return nil
        }
    }

    /// Parses decimal digits with an optional sign, within 64 bits.
    package static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let first = text.first else { return nil }
        let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        guard let magnitude = parseDecimal(UnsafeRawBufferPointer(rebasing: text.dropFirst(isSigned ? 1 : 0))) else {
            return nil
        }
        if first == UInt8(ascii: "-") { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
        return Int64(exactly: magnitude)
    }

    /// Formats the shortest digits that parse to the value: without an exponent from 1e-6 to 1e21, or if a plain form
    /// is requested.
    package static func text(_ value: Double, isPlain: Bool = false) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        let sign = value.sign == .minus ? "-" : ""
        if value == 0 { return sign + "0" }
        // `12.5`, `1e+16`, `1.5e-07`
        let parts = value.magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = mantissa.joined()
        // The position of the decimal point, counted from before the first digit.
        var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1])! : 0)
        let zeros = digits.prefix { $0 == "0" }.count
        digits = String(digits.dropFirst(zeros))
        point -= zeros
        while digits.hasSuffix("0") { digits.removeLast() }
        if !isPlain, value.magnitude < 1e-6 || value.magnitude >= 1e21 {
            let exponent = point - 1
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            let padding = exponent.magnitude < 10 ? "0" : ""
            return "\(sign)\(digits.first!)\(fraction)e\(exponent < 0 ? "-" : "+")\(padding)\(exponent.magnitude)"
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}
