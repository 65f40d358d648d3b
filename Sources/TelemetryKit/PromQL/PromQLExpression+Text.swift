/// The text of a tree, which parses to the same tree.
extension PromQLExpression: CustomStringConvertible {
    package var description: String {
        switch self {
        case .number(let number): number.isNaN ? "NaN" : number.isInfinite ? "Inf" : "\(number)"
        case .string(let text): promQLQuoted(text)
        case .selector(let selector): selector.description
        case .negated(let expression): "-(\(expression))"
        case .call(let function, let arguments, _):
            "\(function.rawValue)(\(arguments.map(\.description).joined(separator: ", ")))"
        case .aggregation(let aggregation): aggregation.description
        case .binary(let binary): binary.description
        }
    }
}

extension PromQLSelector: CustomStringConvertible {
    package var description: String {
        let conditions = name == nil ? matchers : Array(matchers.dropFirst())
        var out = name ?? ""
        if name == nil || !conditions.isEmpty { out += "{\(conditions.map(\.description).joined(separator: ", "))}" }
        if let window { out += "[\(PromQLDuration.text(window))]" }
        if offset != 0 { out += " offset \(PromQLDuration.text(offset))" }
        return out
    }
}

extension PromQLAggregation {
    var description: String {
        let grouping =
            labels.isEmpty && !isWithout ? "" : " \(isWithout ? "without" : "by") (\(labels.joined(separator: ", ")))"
        return "\(operation.rawValue)\(grouping) (\(parameter.map { "\($0), " } ?? "")\(vector))"
    }
}

extension PromQLBinary {
    var description: String {
        var middle = operation.rawValue + (returnsBool ? " bool" : "")
        if matching.isOn || !matching.labels.isEmpty || matching.many != .none {
            middle += " \(matching.isOn ? "on" : "ignoring") (\(matching.labels.joined(separator: ", ")))"
        }
        if matching.many != .none {
            middle +=
                " group_\(matching.many == .left ? "left" : "right") (\(matching.included.joined(separator: ", ")))"
        }
        return "(\(left)) \(middle) (\(right))"
    }
}
