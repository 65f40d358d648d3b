import TelemetryNet

/// Numbers as Prometheus' own parsers take them: those of Go's `strconv`, without hexadecimal and without underscores.
enum PrometheusNumber {
    /// `nil` for what is no number, or one beyond the range of a Double.
    @inline(__always)
    static func value(_ text: UnsafeRawBufferPointer) -> Double? {
        guard let number = parseDouble(text) else { return word(text) }
        return number.isFinite ? number : nil
    }

    /// In any case of letters; NaN has no sign.
    private static func word(_ text: UnsafeRawBufferPointer) -> Double? {
        guard let first = text.first, text.count <= 9 else { return nil }
        let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        switch String(decoding: text.dropFirst(isSigned ? 1 : 0), as: UTF8.self).lowercased() {
        case "inf", "infinity": return first == UInt8(ascii: "-") ? -.infinity : .infinity
        case "nan" where !isSigned: return .nan
        default: return nil
        }
    }

    /// Decimal digits with an optional sign, within 64 bits.
    static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let first = text.first else { return nil }
        let isSigned = first == UInt8(ascii: "-") || first == UInt8(ascii: "+")
        guard let magnitude = parseDecimal(UnsafeRawBufferPointer(rebasing: text.dropFirst(isSigned ? 1 : 0))) else { return nil }
        if first == UInt8(ascii: "-") { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
        return Int64(exactly: magnitude)
    }
}
