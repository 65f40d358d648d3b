import Glibc
import TelemetryBase
import TelemetryModels

/// Function calls.
extension PromQLEvaluation {
    func call(
        _ function: PromQLFunction, _ arguments: [PromQLExpression], _ node: Int, at time: Int64
    ) throws(PromQLError) -> PromQLValue {
        if function.takesRange { return .vector(try overRange(function, arguments, node, at: time)) }
        switch function {
        case .time: return .scalar(Double(time) / 1000)
        case .vector: return .vector([PromQLSample(labels: .empty, value: try scalar(arguments[0], at: time))])
        case .scalar:
            let samples = try vector(arguments[0], at: time)
            return .scalar(samples.count == 1 ? samples[0].value : .nan)
        case .absent:
            guard try vector(arguments[0], at: time).isEmpty else { return .vector([]) }
            return .vector([PromQLSample(labels: absentLabels(of: arguments[0], node), value: 1)])
        case .timestamp: return .vector(try unique(try timestamps(arguments[0], at: time)))
        case .sort, .sortDesc:
            let samples = try vector(arguments[0], at: time)
            // NaN is last in both orders.
            return .vector(
                samples.sorted { a, b in
                    if a.value.isNaN || b.value.isNaN { return !a.value.isNaN }
                    return function == .sort ? a.value < b.value : a.value > b.value
                })
        default: return .vector(try mapped(function, arguments, at: time))
        }
    }

    private func timestamps(_ argument: PromQLExpression, at time: Int64) throws(PromQLError) -> [PromQLSample] {
        if case .selector(let selector) = argument {
            return newest(of: selector, at: time).map {
                PromQLSample(labels: withoutName($0.labels), value: Double($0.time) / 1000)
            }
        }
        return try vector(argument, at: time).map {
            PromQLSample(labels: withoutName($0.labels), value: Double(time) / 1000)
        }
    }

    // MARK: Each value by itself

    private func mapped(
        _ function: PromQLFunction, _ arguments: [PromQLExpression], at time: Int64
    ) throws(PromQLError) -> [PromQLSample] {
        let samples = try vector(arguments[0], at: time)
        var parameters: [Double] = []
        for argument in arguments.dropFirst() { parameters.append(try scalar(argument, at: time)) }
        if function == .clamp, parameters[1] < parameters[0] { return [] }
        return try unique(
            samples.map {
                PromQLSample(labels: withoutName($0.labels), value: Self.mapped(function, $0.value, parameters))
            })
    }

    private static func mapped(_ function: PromQLFunction, _ value: Double, _ parameters: [Double]) -> Double {
        switch function {
        case .abs: return value.magnitude
        case .ceil: return value.rounded(.up)
        case .floor: return value.rounded(.down)
        case .sgn: return value < 0 ? -1 : value > 0 ? 1 : value
        case .sqrt: return value.squareRoot()
        case .exp: return Glibc.exp(value)
        case .ln: return Glibc.log(value)
        case .log2: return Glibc.log2(value)
        case .log10: return Glibc.log10(value)
        case .round:
            // Halves are rounded up. The inverse is exact if the unit is a decimal fraction.
            let inverse = 1 / (parameters.first ?? 1)
            return (value * inverse + 0.5).rounded(.down) / inverse
        case .clamp: return larger(parameters[0], smaller(parameters[1], value))
        case .clampMin: return larger(parameters[0], value)
        case .clampMax: return smaller(parameters[0], value)
        default: preconditionFailure("\(function.rawValue) is not of single values")
        }
    }

    /// NaN if either is NaN.
    private static func larger(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : max(a, b) }
    private static func smaller(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : min(a, b) }

    // MARK: Ranges

    private func overRange(
        _ function: PromQLFunction, _ arguments: [PromQLExpression], _ node: Int, at time: Int64
    ) throws(PromQLError) -> [PromQLSample] {
        var parameter = 0.0
        var range: PromQLSelector?
        for argument in arguments {
            if case .selector(let selector) = argument {
                range = selector
            } else {
                parameter = try scalar(argument, at: time)
            }
        }
        let selector = range!
        var samples: [PromQLSample] = []
        var isAbsent = true
        try forEachRange(of: selector, at: time) { labels, range throws(PromQLError) in
            isAbsent = false
            guard function != .absentOverTime, let value = range.value(function, parameter: parameter, at: time) else {
                return
            }
            // The last value still belongs to the metric.
            samples.append(PromQLSample(labels: function == .lastOverTime ? labels : withoutName(labels), value: value))
        }
        if function == .absentOverTime {
            return isAbsent ? [PromQLSample(labels: absentLabels(of: .selector(selector), node), value: 1)] : []
        }
        return try unique(samples)
    }

    /// The labels that a selector fixes with `=`, each in exactly one condition.
    private func absentLabels(of expression: PromQLExpression, _ node: Int) -> LabelSet {
        guard case .selector(let selector) = expression else { return .empty }
        return derive(node, .empty) { _ in
            var labels: [MetricLabel] = []
            var seen: Set<ByteText> = []
            for matcher in selector.matchers where matcher.name != LabelSet.nameLabel {
                if matcher.operation == .equal, seen.insert(ByteText(matcher.name)).inserted {
                    labels.removeAll { $0.name == matcher.name }
                    labels.append(MetricLabel(name: matcher.name, value: matcher.value))
                } else {
                    labels.removeAll { $0.name == matcher.name }
                }
            }
            return LabelSet(labels)
        }
    }
}
