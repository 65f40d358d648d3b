import TelemetryBase

/// One condition of a selector: `gpu=~"0|1"`.
package struct LabelMatcher: Sendable, Hashable, CustomStringConvertible {
    package enum Operation: String, Sendable {
        case equal = "="
        case notEqual = "!="
        case matches = "=~"
        case matchesNot = "!~"
    }

    package let name: String
    let operation: Operation
    let value: String
    private let regex: LinearRegex?

    init(_ name: String, _ operation: Operation, _ value: String) throws(RegexError) {
        self.name = name
        self.operation = operation
        self.value = value
        regex = operation == .matches || operation == .matchesNot ? try LinearRegex(value) : nil
    }

    /// A missing label has the empty value.
    package func matches(_ text: String) -> Bool {
        switch operation {
        case .equal: text.hasBytes(of: value)
        case .notEqual: !text.hasBytes(of: value)
        case .matches: regex!.matches(text)
        case .matchesNot: !regex!.matches(text)
        }
    }

    /// The values that it matches, if they are listed explicitly.
    package var allowedValues: [String]? {
        switch operation {
        case .equal: [value]
        case .matches: regex!.literals
        case .notEqual, .matchesNot: nil
        }
    }

    package static func == (a: LabelMatcher, b: LabelMatcher) -> Bool {
        a.name.hasBytes(of: b.name) && a.operation == b.operation && a.value.hasBytes(of: b.value)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(operation)
        hasher.combine(value)
    }

    package var description: String { name + operation.rawValue + promQLQuoted(value) }
}

/// The text in quotes, truncated if it is long: for errors.
package func promQLEcho(_ text: String) -> String { promQLQuoted(abbreviated(text)) }

/// The text in quotes, in the syntax of PromQL.
func promQLQuoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\":
            out += "\\"
            out.unicodeScalars.append(scalar)
        case "\n": out += "\\n"
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
