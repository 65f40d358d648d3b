import TelemetryBase

/// `sum by (gpu) (…)` and the other aggregations.
extension PromQLEvaluation {
    func aggregate(_ aggregation: PromQLAggregation, at time: Int64) throws(PromQLError) -> [PromQLSample] {
        var parameter = 0.0
        var label = ""
        switch try aggregation.parameter.map({ expression throws(PromQLError) in try value(of: expression, at: time) })
        {
        case .scalar(let value)?: parameter = value
        case .string(let text)?: label = text
        case .vector?: preconditionFailure("the parser checks types")
        case nil: break
        }
        let isRanking = aggregation.operation == .topk || aggregation.operation == .bottomk
        if isRanking { parameter = try Self.rank(parameter) }
        if aggregation.operation == .countValues, !isLabelName(label) {
            throw PromQLError(.execution, "count_values: \(promQLEcho(label)) is not a valid label name")
        }
        let samples = try vector(aggregation.vector, at: time)
        var places: [LabelSet: Int] = [:]
        var groups: [(labels: LabelSet, samples: [PromQLSample])] = []
        for sample in samples {
            let labels = group(sample, aggregation, label)
            if let place = places[labels] {
                groups[place].samples.append(sample)
            } else {
                places[labels] = groups.count
                groups.append((labels, [sample]))
            }
        }
        if isRanking {
            return groups.flatMap { Self.ranked($0.samples, Int(parameter), isTop: aggregation.operation == .topk) }
        }
        return groups.map { group in
            PromQLSample(
                labels: group.labels, value: Self.value(aggregation.operation, group.samples.map(\.value), parameter))
        }
    }

    private func group(_ sample: PromQLSample, _ aggregation: PromQLAggregation, _ label: String) -> LabelSet {
        let labels = derive(aggregation.node, sample.labels) { labels in
            aggregation.isWithout
                ? labels.dropping(aggregation.labels + [LabelSet.nameLabel]) : labels.keeping(aggregation.labels)
        }
        guard aggregation.operation == .countValues else { return labels }
        return labels.setting(label, PrometheusNumber.text(sample.value, isPlain: true))
    }

    private static func value(_ operation: PromQLAggregation.Operation, _ values: [Double], _ parameter: Double)
        -> Double
    {
        let count = Double(values.count)
        switch operation {
        case .sum: return values.reduce(0, +)
        case .avg: return mean(values)
        case .count, .countValues: return count
        case .group: return 1
        // NaN only if there is no other value.
        case .min: return values.dropFirst().reduce(values[0]) { $1 < $0 || $0.isNaN ? $1 : $0 }
        case .max: return values.dropFirst().reduce(values[0]) { $1 > $0 || $0.isNaN ? $1 : $0 }
        case .stdvar: return variance(values)
        case .stddev: return variance(values).squareRoot()
        case .quantile: return promQLQuantile(parameter, values)
        case .topk, .bottomk: preconditionFailure("ranking gives samples")
        }
    }

    /// Updates the mean incrementally like Prometheus, which rounds differently from a divided sum; comparisons see the
    /// last bit.
    private static func mean(_ values: [Double]) -> Double {
        var mean = 0.0
        for (index, value) in values.enumerated() {
            // An infinity is kept, because adding and subtracting would turn it into NaN.
            if mean.isInfinite, value == mean || value.isFinite { continue }
            mean += value / Double(index + 1) - mean / Double(index + 1)
        }
        return mean
    }

    /// The method of B. P. Welford, 1962.
    private static func variance(_ values: [Double]) -> Double {
        var mean = 0.0
        var squares = 0.0
        for (index, value) in values.enumerated() {
            let distance = value - mean
            mean += distance / Double(index + 1)
            squares += distance * (value - mean)
        }
        return squares / Double(values.count)
    }

    /// The number of samples, rounded down.
    private static func rank(_ parameter: Double) throws(PromQLError) -> Double {
        guard parameter.magnitude < 9e18 else {
            throw PromQLError(.execution, "\(parameter) is not a valid number of series")
        }
        return max(0, parameter.rounded(.towardZero))
    }

    /// The best first, and NaN last.
    private static func ranked(_ samples: [PromQLSample], _ count: Int, isTop: Bool) -> [PromQLSample] {
        let sorted = samples.sorted { a, b in
            if a.value.isNaN || b.value.isNaN { return !a.value.isNaN }
            return isTop ? a.value > b.value : a.value < b.value
        }
        return Array(sorted.prefix(count))
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
package func isLabelName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
