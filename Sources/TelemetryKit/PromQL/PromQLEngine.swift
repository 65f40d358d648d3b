import TelemetryBase
import TelemetryStores

/// Evaluates PromQL queries on a store, as Prometheus 2.42 does.
package struct PromQLEngine: Sendable {
    let store: any TelemetryStore
    package var limits = PromQLLimits()

    package init(store: any TelemetryStore, limits: PromQLLimits = PromQLLimits()) {
        self.store = store
        self.limits = limits
    }

    /// The result of a query. Times are milliseconds since 1970.
    package enum Answer: Sendable {
        case scalar(Double, time: Int64)
        case string(String, time: Int64)
        case vector([PromQLSample], time: Int64)
        case matrix([PromQLSeries])
    }

    package func instant(_ query: PromQLQuery, at time: Int64) async throws -> Answer {
        let evaluation = try await evaluation(of: query, from: time, through: time)
        if case .selector(let selector) = query.expression, selector.window != nil {
            return .matrix(evaluation.ranges(of: selector, at: time))
        }
        switch try evaluation.value(of: query.expression, at: time) {
        case .scalar(let value): return .scalar(value, time: time)
        case .string(let text): return .string(text, time: time)
        case .vector(let samples): return .vector(samples, time: time)
        }
    }

    /// Evaluates the query at every step from `start` through `end`.
    package func range(_ query: PromQLQuery, from start: Int64, through end: Int64, step: Int64) async throws -> Answer
    {
        let type = query.expression.type
        guard type == .scalar || type == .vector else {
            throw PromQLError(
                .badData, "a range query needs a scalar or an instant vector, but this has type \(type.rawValue)")
        }
        let evaluation = try await evaluation(of: query, from: start, through: end)
        var results: [LabelSet: PromQLSeries] = [:]
        var count = evaluation.loadedCount
        for (index, time) in stride(from: start, through: end, by: Int64.Stride(step)).enumerated() {
            // A long query yields the thread to others in between.
            if index % 16 == 15 { await Task.yield() }
            let samples: [PromQLSample]
            switch try evaluation.value(of: query.expression, at: time) {
            case .scalar(let value): samples = [PromQLSample(labels: .empty, value: value)]
            case .vector(let vector): samples = vector
            case .string: preconditionFailure("the type was checked")
            }
            count += samples.count
            guard count <= limits.maxSamples else {
                throw PromQLError(
                    .execution,
                    "the query needs more than \(limits.maxSamples) samples (QUERY_MAX_SAMPLES); ask for fewer series, a shorter time or a longer step"
                )
            }
            for sample in samples {
                results[sample.labels, default: PromQLSeries(labels: sample.labels)].append(
                    time: time, value: sample.value)
            }
        }
        return .matrix(results.values.sorted { LabelSet.precedes($0.labels, $1.labels) })
    }

    private func evaluation(of query: PromQLQuery, from start: Int64, through end: Int64) async throws
        -> PromQLEvaluation
    {
        let lookback = limits.lookback.wholeNanoseconds / 1_000_000
        let deadline = ContinuousClock.now + limits.timeout
        var loader = SeriesLoader(store: store, limits: limits, deadline: deadline)
        var series: [[LoadedSeries]] = []
        for selector in query.selectors {
            series.append(
                try await loader.load(
                    selector, from: start - selector.offset - (selector.window ?? lookback),
                    through: end - selector.offset))
        }
        return PromQLEvaluation(series: series, loadedCount: loader.count, lookback: lookback, deadline: deadline)
    }
}

/// A value with its labels.
package struct PromQLSample: Sendable {
    package var labels: LabelSet
    package var value: Double
}

/// Values over time.
package struct PromQLSeries: Sendable {
    package var labels: LabelSet
    /// Milliseconds since 1970.
    package private(set) var times: [Int64] = []
    package private(set) var values: [Double] = []

    init(labels: LabelSet) { self.labels = labels }

    mutating func append(time: Int64, value: Double) {
        times.append(time)
        values.append(value)
    }
}

enum PromQLValue {
    case scalar(Double)
    case string(String)
    case vector([PromQLSample])
}
