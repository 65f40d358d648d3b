import TelemetryBase

/// One query over the samples that were read for it, evaluated at times that never decrease. Used by one task.
final class PromQLEvaluation {
    /// The series, by the index of their selector.
    private let series: [[LoadedSeries]]
    let loadedCount: Int
    private let lookback: Int64
    private let deadline: ContinuousClock.Instant
    private var derived: [DerivedKey: LabelSet] = [:]
    private var ticks = 0

    private struct DerivedKey: Hashable {
        var node: Int
        var labels: LabelSet
    }

    init(series: [[LoadedSeries]], loadedCount: Int, lookback: Int64, deadline: ContinuousClock.Instant) {
        self.series = series
        self.loadedCount = loadedCount
        self.lookback = lookback
        self.deadline = deadline
    }

    /// Times are milliseconds since 1970.
    func value(of expression: PromQLExpression, at time: Int64) throws(PromQLError) -> PromQLValue {
        try checkTime()
        switch expression {
        case .number(let number): return .scalar(number)
        case .string(let text): return .string(text)
        case .selector(let selector):
            return .vector(newest(of: selector, at: time).map { PromQLSample(labels: $0.labels, value: $0.value) })
        case .negated(let operand):
            switch try value(of: operand, at: time) {
            case .scalar(let number): return .scalar(-number)
            case .vector(let samples):
                return .vector(
                    try unique(samples.map { PromQLSample(labels: withoutName($0.labels), value: -$0.value) }))
            case .string: preconditionFailure("the parser checks types")
            }
        case .call(let function, let arguments, let node): return try call(function, arguments, node, at: time)
        case .aggregation(let aggregation): return .vector(try aggregate(aggregation, at: time))
        case .binary(let binary): return try combine(binary, at: time)
        }
    }

    func vector(_ expression: PromQLExpression, at time: Int64) throws(PromQLError) -> [PromQLSample] {
        guard case .vector(let samples) = try value(of: expression, at: time) else {
            preconditionFailure("the parser checks types")
        }
        return samples
    }

    func scalar(_ expression: PromQLExpression, at time: Int64) throws(PromQLError) -> Double {
        guard case .scalar(let value) = try value(of: expression, at: time) else {
            preconditionFailure("the parser checks types")
        }
        return value
    }

    func checkTime() throws(PromQLError) {
        ticks += 1
        guard ticks % 64 == 0 else { return }
        // A client that has disconnected needs no response either.
        guard ContinuousClock.now < deadline, !Task.isCancelled else {
            throw PromQLError(.timeout, "the query took too long (QUERY_TIMEOUT, or the parameter timeout)")
        }
    }

    // MARK: Selectors

    /// The newest sample of every series that is not older than the lookback.
    func newest(of selector: PromQLSelector, at time: Int64) -> [(labels: LabelSet, time: Int64, value: Double)] {
        let time = time - selector.offset
        return series[selector.index].compactMap { series in
            guard let last = series.samples(from: time - lookback, through: time).last else { return nil }
            return (series.labels, series.times[last], series.values[last])
        }
    }

    /// Every series with the samples of its range, if there are any. Both ends are inclusive.
    func forEachRange(
        of selector: PromQLSelector, at time: Int64, _ body: (LabelSet, RangeSamples) throws(PromQLError) -> Void
    ) throws(PromQLError) {
        let end = time - selector.offset
        let start = end - selector.window!
        for series in series[selector.index] {
            try checkTime()
            let places = series.samples(from: start, through: end)
            guard !places.isEmpty else { continue }
            try body(
                series.labels,
                RangeSamples(times: series.times[places], values: series.values[places], start: start, end: end))
        }
    }

    func ranges(of selector: PromQLSelector, at time: Int64) -> [PromQLSeries] {
        var result: [PromQLSeries] = []
        let end = time - selector.offset
        for series in series[selector.index] {
            let places = series.samples(from: end - selector.window!, through: end)
            guard !places.isEmpty else { continue }
            var out = PromQLSeries(labels: series.labels)
            for place in places { out.append(time: series.times[place], value: series.values[place]) }
            result.append(out)
        }
        return result
    }

    // MARK: Labels

    /// The labels that a node produces are the same at every step, so they are created once.
    func derive(_ node: Int, _ labels: LabelSet, _ make: (LabelSet) -> LabelSet) -> LabelSet {
        let key = DerivedKey(node: node, labels: labels)
        if let known = derived[key] { return known }
        let new = make(labels)
        derived[key] = new
        return new
    }

    func withoutName(_ labels: LabelSet) -> LabelSet { derive(0, labels) { $0.dropping([LabelSet.nameLabel]) } }

    /// Series that differed in their names only cannot be kept without the names.
    func unique(_ samples: [PromQLSample]) throws(PromQLError) -> [PromQLSample] {
        var seen: Set<LabelSet> = []
        for sample in samples where !seen.insert(sample.labels).inserted {
            throw PromQLError(
                .execution,
                "several series of the result have the same labels: \(abbreviated(sample.labels.description))")
        }
        return samples
    }
}

extension LabelSet: CustomStringConvertible {
    /// `{gpu="0", job="dcgm"}`
    package var description: String {
        "{\(labels.map { $0.name + "=" + promQLQuoted($0.value) }.joined(separator: ", "))}"
    }
}
