/// One setting of a program: an environment variable, and a flag of the same name that overrides it
/// (`CSV_PATH`, `--csv-path`).
package struct Option<Value: Sendable>: AnyOption {
    package let name: String
    /// What the option does, for `--help` and the table in Docs/Configuration.md; code is in backquotes.
    package let help: String
    /// Stands for the value in `--help` and in the table: `N`, `DURATION`, `memory|influxdb`.
    package let placeholder: String
    /// The default as a person would write it; `nil` if there is none.
    package let defaultText: String?
    package let defaultValue: Value
    package let isSwitch: Bool
    /// The value must not appear in messages.
    package let isSecret: Bool
    let parse: @Sendable (String) throws(OptionValueError) -> Value

    package init(
        _ name: String, default defaultValue: Value, shown defaultText: String?, placeholder: String, help: String,
        isSwitch: Bool = false, isSecret: Bool = false,
        parse: @escaping @Sendable (String) throws(OptionValueError) -> Value
    ) {
        self.name = name
        self.help = help
        self.placeholder = placeholder
        self.defaultText = defaultText
        self.defaultValue = defaultValue
        self.isSwitch = isSwitch
        self.isSecret = isSecret
        self.parse = parse
    }

    package func value(of text: String) throws(OptionValueError) -> any Sendable { try parse(text) }
}

/// An ``Option`` whose type of value does not matter, for tables.
package protocol AnyOption: Sendable {
    var name: String { get }
    var help: String { get }
    var placeholder: String { get }
    var defaultText: String? { get }
    var isSwitch: Bool { get }
    var isSecret: Bool { get }
    func value(of text: String) throws(OptionValueError) -> any Sendable
}

extension AnyOption {
    /// `CSV_PATH` is `--csv-path`.
    package var flag: String { "--" + String(name.lowercased().map { $0 == "_" ? "-" : $0 }) }

    /// The default in words, for `--help` and the table.
    var shownDefault: String { defaultText.map { $0.isEmpty ? "empty" : $0 } ?? "none" }
}

/// What a text should have been: `expected a duration such as 100ms`.
package struct OptionValueError: Error, Sendable {
    package var reason: String
    package init(_ reason: String) { self.reason = reason }
}

extension Option where Value == String {
    /// A name or an address, and not a URL: what a user or a password might stand in would be shown wherever the host is.
    package static func host(_ name: String, default text: String, help: String) -> Option {
        Option(name, default: text, shown: text, placeholder: "HOST", help: help) { (text) throws(OptionValueError) in
            guard !text.contains(where: { "/@?#".contains($0) || $0.isWhitespace }) else {
                throw OptionValueError("expected a host name or an address, without scheme, user and path")
            }
            return text
        }
    }

    package static func string(_ name: String, default text: String, placeholder: String = "TEXT", help: String)
        -> Option
    {
        Option(name, default: text, shown: text, placeholder: placeholder, help: help) {
            (text) throws(OptionValueError) in text
        }
    }
}

extension Option where Value == String? {
    /// A proxy for HTTP requests; none by default.
    package static func proxy(_ name: String, help: String) -> Option {
        Option(name, default: nil, shown: nil, placeholder: "URL", help: help) { (text) throws(OptionValueError) in
            let schemes = ["http://", "https://", "socks5://", "socks5h://"]
            guard schemes.contains(where: { text.hasPrefix($0) && text.count > $0.count }) else {
                throw OptionValueError("expected a proxy such as http://proxy:3128 or socks5://proxy:1080")
            }
            return text
        }
    }

    package static func optionalString(
        _ name: String, shown: String? = nil, placeholder: String = "TEXT", isSecret: Bool = false, help: String
    ) -> Option {
        Option(name, default: nil, shown: shown, placeholder: placeholder, help: help, isSecret: isSecret) {
            (text) throws(OptionValueError) in text
        }
    }
}

extension Option where Value == Int {
    package static func int(
        _ name: String, default value: Int, in range: ClosedRange<Int>, placeholder: String = "N", help: String
    ) -> Option {
        Option(name, default: value, shown: String(value), placeholder: placeholder, help: help) {
            (text) throws(OptionValueError) in
            guard let number = Int(text), range.contains(number) else {
                throw OptionValueError(
                    range.upperBound == .max
                        ? "expected a whole number of at least \(range.lowerBound)"
                        : "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }

    package static func port(_ name: String, default value: Int, help: String) -> Option {
        int(name, default: value, in: 0...65535, placeholder: "PORT", help: help)
    }

    /// Bytes.
    package static func size(_ name: String, default text: String, in range: ClosedRange<Int>, help: String) -> Option {
        Option(name, default: parseSize(text)!, shown: text, placeholder: "SIZE", help: help) {
            (text) throws(OptionValueError) in
            guard let bytes = parseSize(text) else {
                throw OptionValueError("expected a size such as 512KiB, 64MiB or 1GiB")
            }
            guard range.contains(bytes) else {
                throw OptionValueError("expected a size from \(range.lowerBound) to \(range.upperBound) bytes")
            }
            return bytes
        }
    }
}

extension Option where Value == Int? {
    /// Bytes; no limit by default and by `0`.
    package static func sizeLimit(_ name: String, help: String) -> Option {
        Option(name, default: nil, shown: "0: no limit", placeholder: "SIZE", help: help) {
            (text) throws(OptionValueError) in
            guard let bytes = parseSize(text) else {
                throw OptionValueError("expected a size such as 512KiB, 64MiB or 1GiB, or 0")
            }
            return bytes == 0 ? nil : bytes
        }
    }

    /// None by default.
    package static func optionalPort(_ name: String, help: String) -> Option {
        Option(name, default: nil, shown: nil, placeholder: "PORT", help: help) { (text) throws(OptionValueError) in
            guard let port = Int(text), 0...65535 ~= port else {
                throw OptionValueError("expected a whole number from 0 to 65535")
            }
            return port
        }
    }
}

extension Option where Value == Bool {
    package static func bool(_ name: String, default value: Bool, help: String) -> Option {
        Option(name, default: value, shown: String(value), placeholder: "true|false", help: help, isSwitch: true) {
            (text) throws(OptionValueError) in
            switch text.lowercased() {
            case "true", "1", "yes", "on": true
            case "false", "0", "no", "off": false
            default: throw OptionValueError("expected true or false")
            }
        }
    }
}

extension Option where Value == Duration {
    package static func duration(_ name: String, default text: String, help: String) -> Option {
        Option(name, default: parseDuration(text)!, shown: text, placeholder: "DURATION", help: help) {
            (text) throws(OptionValueError) in
            guard let duration = parseDuration(text) else {
                throw OptionValueError("expected a duration such as 100ms, 5s, 30m or 24h")
            }
            return duration
        }
    }
}

extension Option where Value == Duration? {
    /// No limit by default and by `0`.
    package static func durationLimit(_ name: String, shown: String = "0: no limit", help: String) -> Option {
        Option(name, default: nil, shown: shown, placeholder: "DURATION", help: help) {
            (text) throws(OptionValueError) in
            guard let duration = parseDuration(text) else {
                throw OptionValueError("expected a duration such as 100ms, 5s, 30m or 24h, or 0")
            }
            return duration == .zero ? nil : duration
        }
    }
}

extension Option where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    package static func choice(_ name: String, default value: Value, help: String) -> Option {
        let all = Value.allCases.map(\.rawValue)
        return Option(name, default: value, shown: value.rawValue, placeholder: all.joined(separator: "|"), help: help)
        {
            (text) throws(OptionValueError) in
            guard let value = Value(rawValue: text.lowercased()) else {
                throw OptionValueError("expected \(all.dropLast().joined(separator: ", ")) or \(all.last!)")
            }
            return value
        }
    }
}

/// `100us`, `100ms`, `5s`, `30m`, `24h`, `7d`, and `0`; digits may have a decimal point (`1.5s`). `nil` for anything else.
package func parseDuration(_ text: String) -> Duration? {
    if text == "0" { return .zero }
    let units: [(String, Int64)] = [
        ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]
    guard let (amount, unit) = split(text, units: units.map(\.0)) else { return nil }
    guard let nanoseconds = product(amount, units.first { $0.0 == unit }!.1) else { return nil }
    return .nanoseconds(nanoseconds)
}

/// Bytes: `4096`, `512KiB`, `16MiB`, `1GiB`, `2TiB`, and the decimal `KB`, `MB`, `GB`, `TB`. `nil` for anything else.
package func parseSize(_ text: String) -> Int? {
    let units: [(String, Int64)] = [
        ("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ]
    guard let (amount, unit) = split(text, units: units.map(\.0)) else { return nil }
    return product(amount, units.first { $0.0 == unit }!.1).map(Int.init)
}

private func split(_ text: String, units: [String]) -> (amount: Substring, unit: String)? {
    let amount = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = String(text.dropFirst(amount.count))
    guard !amount.isEmpty, units.contains(unit) else { return nil }
    return (amount, unit)
}

private func product(_ amount: Substring, _ unit: Int64) -> Int64? {
    if let whole = Int64(amount) {
        let (result, overflow) = whole.multipliedReportingOverflow(by: unit)
        return overflow ? nil : result
    }
    guard let number = Double(amount), number >= 0, number * Double(unit) < 9e18 else { return nil }
    return Int64((number * Double(unit)).rounded())
}
