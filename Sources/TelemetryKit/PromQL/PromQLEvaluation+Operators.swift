import Glibc
import TelemetryBase

/// Binary operators.
extension PromQLEvaluation {
    func combine(_ binary: PromQLBinary, at time: Int64) throws(PromQLError) -> PromQLValue {
        let left = try value(of: binary.left, at: time)
        let right = try value(of: binary.right, at: time)
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)): return .scalar(Self.result(binary.operation, a, b).asNumber)
        case (.vector(let a), .scalar(let b)):
            return .vector(try combine(binary, a) { Self.result(binary.operation, $0, b) })
        case (.scalar(let a), .vector(let b)):
            return .vector(try combine(binary, b) { Self.result(binary.operation, a, $0) })
        case (.vector(let a), .vector(let b)):
            if binary.operation.isSet { return .vector(try set(binary, a, b)) }
            return .vector(try unique(try match(binary, a, b)))
        default: preconditionFailure("the parser checks types")
        }
    }

    /// The result of an operator for two values.
    private enum Outcome {
        case number(Double)
        case truth(Bool)

        var asNumber: Double {
            switch self {
            case .number(let number): number
            case .truth(let isTrue): isTrue ? 1 : 0
            }
        }
    }

    private static func result(_ operation: PromQLBinary.Operation, _ a: Double, _ b: Double) -> Outcome {
        switch operation {
        case .add: .number(a + b)
        case .subtract: .number(a - b)
        case .multiply: .number(a * b)
        case .divide: .number(a / b)
        case .modulo: .number(fmod(a, b))
        case .power: .number(pow(a, b))
        case .atan2: .number(atan2(a, b))
        case .equal: .truth(a == b)
        case .notEqual: .truth(a != b)
        case .less: .truth(a < b)
        case .lessOrEqual: .truth(a <= b)
        case .greater: .truth(a > b)
        case .greaterOrEqual: .truth(a >= b)
        case .and, .or, .unless: preconditionFailure("sets have no values")
        }
    }

    /// With a scalar. A comparison keeps the samples for which it is true, or with `bool` returns the result for each
    /// sample.
    private func combine(
        _ binary: PromQLBinary, _ samples: [PromQLSample], _ result: (Double) -> Outcome
    ) throws(PromQLError) -> [PromQLSample] {
        let keepsName = binary.operation.keepsName && !binary.returnsBool
        let combined = samples.compactMap { sample -> PromQLSample? in
            let outcome = result(sample.value)
            if case .truth(let isTrue) = outcome, !binary.returnsBool { return isTrue ? sample : nil }
            return PromQLSample(labels: keepsName ? sample.labels : withoutName(sample.labels), value: outcome.asNumber)
        }
        return keepsName ? combined : try unique(combined)
    }

    // MARK: Two vectors

    /// The labels by which samples of both sides are matched.
    private func key(_ labels: LabelSet, _ binary: PromQLBinary) -> LabelSet {
        derive(binary.node, labels) { labels in
            let names = binary.matching.labels
            return binary.matching.isOn ? labels.keeping(names) : labels.dropping(names + [LabelSet.nameLabel])
        }
    }

    private func set(
        _ binary: PromQLBinary, _ left: [PromQLSample], _ right: [PromQLSample]
    ) throws(PromQLError) -> [PromQLSample] {
        switch binary.operation {
        case .or:
            let keys = Set(left.map { key($0.labels, binary) })
            return try unique(left + right.filter { !keys.contains(key($0.labels, binary)) })
        default:
            let keys = Set(right.map { key($0.labels, binary) })
            return left.filter { keys.contains(key($0.labels, binary)) == (binary.operation == .and) }
        }
    }

    private func match(
        _ binary: PromQLBinary, _ left: [PromQLSample], _ right: [PromQLSample]
    ) throws(PromQLError) -> [PromQLSample] {
        let isSwapped = binary.matching.many == .right
        let (many, one) = isSwapped ? (right, left) : (left, right)
        var partners: [LabelSet: PromQLSample] = [:]
        for sample in one where partners.updateValue(sample, forKey: key(sample.labels, binary)) != nil {
            let side = isSwapped ? "left" : "right"
            throw PromQLError(
                .execution,
                "the \(side) side of \(binary.operation.rawValue) has several series for \(abbreviated(key(sample.labels, binary).description)): "
                    + "use on, ignoring or group to match them")
        }
        var matched: Set<LabelSet> = []
        var result: [PromQLSample] = []
        for sample in many {
            let key = key(sample.labels, binary)
            guard let partner = partners[key] else { continue }
            let (a, b) = isSwapped ? (partner.value, sample.value) : (sample.value, partner.value)
            let outcome = Self.result(binary.operation, a, b)
            var value = outcome.asNumber
            if binary.operation.isComparison, !binary.returnsBool {
                guard value == 1 else { continue }
                value = a
            }
            guard binary.matching.many != .none || matched.insert(key).inserted else {
                throw PromQLError(
                    .execution,
                    "the left side of \(binary.operation.rawValue) has several series for \(abbreviated(key.description)): "
                        + "use group_left if this is intended")
            }
            result.append(PromQLSample(labels: labels(of: sample.labels, partner.labels, binary), value: value))
        }
        return result
    }

    private func labels(of many: LabelSet, _ one: LabelSet, _ binary: PromQLBinary) -> LabelSet {
        let matching = binary.matching
        // Negative indices are for values derived from the one side.
        let kept = derive(-binary.node, many) { labels in
            let named =
                binary.operation.keepsName && !binary.returnsBool ? labels : labels.dropping([LabelSet.nameLabel])
            guard matching.many == .none else { return named }
            return matching.isOn ? named.keeping(matching.labels) : named.dropping(matching.labels)
        }
        return matching.included.reduce(kept) { $0.setting($1, one[$1]) }
    }
}
