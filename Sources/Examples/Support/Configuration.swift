import TelemetryMQClient

/// The settings of a program as read from its flags, else its environment, else their defaults.
package struct Configuration: Sendable {
    private let values: [String: any Sendable]

    /// The value of an option of the table that the configuration was read with.
    package subscript<Value>(_ option: Option<Value>) -> Value {
        guard let value = values[option.name] else { return option.defaultValue }
        return value as! Value
    }

    /// Whether the person gave this option, by flag or by environment.
    package func isGiven(_ option: any AnyOption) -> Bool { values[option.name] != nil }

    /// The value in words: as given, else the default; `nil` where there is neither.
    func text(of option: any AnyOption) -> String? {
        guard let value = values[option.name] else { return option.defaultText }
        // An optional in an `Any` is cast through.
        return (value as? any CustomStringConvertible)?.description
    }

    package enum Request: Sendable {
        case run(Configuration)
        case help
        /// `--option-table`, which `--help` does not list: the table of options in Docs/Configuration.md.
        case optionTable
        case version
    }

    /// Reads flags (`--name value`, `--name=value`; a switch also as `--name` and `--no-name`) and the environment.
    /// A variable that is set to nothing counts as not set.
    ///
    /// - Parameter arguments: without the program's own name.
    package static func read(
        _ options: [any AnyOption], arguments: [String], environment: [String: String]
    ) throws(UsageError) -> Request {
        var values: [String: any Sendable] = [:]
        for option in options {
            guard let text = environment[option.name], !text.isEmpty else { continue }
            values[option.name] = try value(of: option, text, givenAs: option.name)
        }
        var rest = arguments[...]
        var last: (any AnyOption)?
        while let argument = rest.popFirst() {
            if argument == "--help" || argument == "-h" { return .help }
            if argument == "--option-table" { return .optionTable }
            if argument == "--version" { return .version }
            guard argument.hasPrefix("--"), argument.count > 2 else {
                // It may be the rest of a secret with a space in it.
                if let last, last.isSecret { throw UsageError("unexpected argument after the value of \(last.flag)") }
                throw UsageError("unexpected argument '\(shownArgument(argument))'")
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let flag = String(parts[0])
            var text = parts.count == 2 ? String(parts[1]) : nil
            if let option = options.first(where: { $0.isSwitch && "--no-" + $0.flag.dropFirst(2) == flag }), text == nil
            {
                values[option.name] = try value(of: option, "false", givenAs: flag)
                continue
            }
            guard let option = options.first(where: { $0.flag == flag }) else {
                throw UsageError(unknownFlag: flag, known: options.map(\.flag) + ["--help", "--version"])
            }
            last = option
            if text == nil {
                if option.isSwitch {
                    text = rest.first.map { ["true", "false"].contains($0) } == true ? rest.popFirst() : "true"
                } else if let next = rest.first, !next.hasPrefix("--") {
                    text = rest.popFirst()
                }
            }
            guard let text else { throw UsageError("\(flag) needs a value: \(flag) \(option.placeholder)") }
            values[option.name] = try value(of: option, text, givenAs: flag)
        }
        return .run(Configuration(values: values))
    }

    /// An argument that is none of the options, for messages: `MQ_TOKEN=secret` is a mistake that shows no secret.
    private static func shownArgument(_ argument: String) -> String {
        guard let end = argument.firstIndex(of: "=") else { return Secrets.redactedURL(argument) }
        return argument[...end] + "…"
    }

    private static func value(
        of option: any AnyOption, _ text: String, givenAs name: String
    ) throws(UsageError) -> any Sendable {
        do {
            return try option.value(of: text)
        } catch {
            throw UsageError(
                option.isSecret ? "\(name): \(error.reason)" : "\(name)=\(Secrets.redactedURL(text)): \(error.reason)")
        }
    }
}

/// A command line or an environment that cannot be understood.
package struct UsageError: Error, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }

    init(unknownFlag flag: String, known: [String]) {
        let nearest = known.map { ($0, editDistance($0, flag)) }.min { $0.1 < $1.1 }
        description = "unknown flag \(flag)"
        if let (name, distance) = nearest, distance <= max(2, flag.count / 3) {
            description += ", did you mean \(name)?"
        }
    }
}

/// The fewest insertions, deletions and replacements of a character that turn one text into the other.
func editDistance(_ a: String, _ b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let cost = min(diagonal + (x == b[j] ? 0 : 1), row[j] + 1, row[j + 1] + 1)
            diagonal = row[j + 1]
            row[j + 1] = cost
        }
    }
    return row[b.count]
}
