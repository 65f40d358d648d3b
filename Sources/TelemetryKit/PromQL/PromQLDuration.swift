/// Durations of PromQL: `5m`, `1h30m`, `250ms`.
package enum PromQLDuration {
    // A day has 24 hours and a year 365 days, as in Prometheus.
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("y", 365 * 86_400_000), ("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000),
        ("ms", 1),
    ]

    /// Parses milliseconds; `nil` for another text, or a duration beyond 292 years.
    ///
    /// Each unit occurs at most once, and larger ones come first. `0` needs no unit.
    package static func milliseconds(_ text: String) -> Int64? {
        if text == "0" { return 0 }
        var rest = Substring(text)
        var unit = 0
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { ("0"..."9").contains($0) }
            let name = rest.dropFirst(digits.count).prefix { $0.isLetter }
            guard let number = Int64(digits), let found = units[unit...].firstIndex(where: { $0.name == name }) else {
                return nil
            }
            let (product, over) = number.multipliedReportingOverflow(by: units[found].milliseconds)
            let (sum, carry) = total.addingReportingOverflow(product)
            guard !over, !carry, sum <= Int64.max / 1_000_000 else { return nil }
            total = sum
            unit = found + 1
            rest = rest.dropFirst(digits.count + name.count)
        }
        return unit == 0 ? nil : total
    }

    /// Formats it in the syntax that is parsed.
    static func text(_ milliseconds: Int64) -> String {
        var rest = milliseconds.magnitude
        var out = milliseconds < 0 ? "-" : ""
        for unit in units where rest >= unit.milliseconds {
            out += "\(rest / UInt64(unit.milliseconds))\(unit.name)"
            rest %= UInt64(unit.milliseconds)
        }
        return milliseconds == 0 ? "0s" : out
    }
}
