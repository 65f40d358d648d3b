import ExampleSupport

/// Durations and sizes of settings are what their digits and their unit say, or are refused.
enum OptionsTarget {
    private static let durations: [(String, Int64)] = [
        ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ]
    private static let sizes: [(String, Int64)] = [
        ("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ]

    static func failure(_ input: [UInt8]) -> String? {
        let text = String(decoding: input, as: UTF8.self)
        if let duration = parseDuration(text) {
            if duration < .zero || duration > .nanoseconds(Int64.max) {
                return "\(text.debugDescription) is \(duration)"
            }
        }
        if let size = parseSize(text), size < 0 { return "\(text.debugDescription) is \(size) bytes" }
        return whole(
            text, durations, parseDuration(text).map { Int64(exactly: ($0 / .nanoseconds(1)).rounded()) ?? .max },
            isExact: false)
            ?? whole(text, sizes, parseSize(text).map(Int64.init), isExact: true)
    }

    private static func whole(_ text: String, _ units: [(String, Int64)], _ found: Int64?, isExact: Bool) -> String? {
        let digits = text.utf8.prefix { (48...57).contains($0) }
        let unit = String(text.utf8.dropFirst(digits.count)) ?? ""
        guard !digits.isEmpty, let (_, factor) = units.first(where: { $0.0 == unit }) else { return nil }
        if unit.isEmpty, !isExact { return nil }
        var value: Int64? = 0
        for digit in digits {
            value = value.flatMap { value in
                let (tenfold, over) = value.multipliedReportingOverflow(by: 10)
                let (sum, carry) = tenfold.addingReportingOverflow(Int64(digit - 48))
                return over || carry ? nil : sum
            }
        }
        let expected = value.flatMap { value -> Int64? in
            let (product, over) = value.multipliedReportingOverflow(by: factor)
            return over ? nil : product
        }
        if (expected == nil) != (found == nil) {
            return "\(text.debugDescription) is \(String(describing: found)), not \(String(describing: expected))"
        }
        guard let expected, let found else { return nil }
        // A duration as a Double has 53 bits.
        if isExact ? found != expected : abs(Double(found) - Double(expected)) > Double(expected) * 1e-15 + 1 {
            return "\(text.debugDescription) is \(found), not \(expected)"
        }
        return nil
    }
}
