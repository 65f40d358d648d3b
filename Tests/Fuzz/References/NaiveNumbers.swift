import Glibc

/// Numbers by their grammar, one byte after the other.
enum NaiveNumbers {
    /// Sign, digits, point, digits, exponent: what `parseDouble` says it takes; the value is the C library's.
    static func double(_ text: [UInt8]) -> Double? {
        var rest = text[...]
        func take(_ bytes: String) -> Bool {
            guard let first = rest.first, bytes.utf8.contains(first) else { return false }
            rest.removeFirst()
            return true
        }
        func digits() -> Int {
            var count = 0
            while take("0123456789") { count += 1 }
            return count
        }
        _ = take("+-")
        var count = digits()
        if take(".") { count += digits() }
        guard count > 0 else { return nil }
        if take("eE") {
            _ = take("+-")
            guard digits() > 0 else { return nil }
        }
        guard rest.isEmpty else { return nil }
        return strtod(String(decoding: text, as: UTF8.self), nil)
    }

    /// Digits alone; `nil` for what does not fit.
    static func decimal(_ text: [UInt8]) -> UInt64? {
        guard !text.isEmpty, text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return UInt64(String(decoding: text, as: UTF8.self))
    }

    /// A value of the Prometheus text format: also infinities and NaN in any case of letters, and nothing beyond the range of a Double.
    static func prometheus(_ text: [UInt8]) -> Double? {
        if let number = double(text) { return number.isFinite ? number : nil }
        switch String(decoding: text.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }, as: UTF8.self) {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan": return .nan
        default: return nil
        }
    }

    /// Digits with a sign or without; `nil` for what does not fit.
    static func integer(_ text: [UInt8]) -> Int64? {
        let digits = text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+") ? Array(text.dropFirst()) : text
        guard !digits.isEmpty, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return Int64(String(decoding: text, as: UTF8.self))
    }
}
