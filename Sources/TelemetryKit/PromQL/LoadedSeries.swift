import TelemetryModels
import TelemetryNet
import TelemetryStores

/// The samples of one series that a selector may need, and where the evaluation is in them.
///
/// Times are milliseconds, as in Prometheus; of two samples within one, the later counts.
final class LoadedSeries {
    let labels: LabelSet
    private(set) var times: [Int64] = []
    private(set) var values: [Double] = []
    /// The samples before them are too old for this time of evaluation, and for all later ones.
    private var first = 0
    /// Behind the last sample that is not too new.
    private var end = 0

    init(labels: LabelSet) { self.labels = labels }

    /// In the order of time; returns whether it is one more.
    func append(time: Int64, value: Double) -> Bool {
        if times.last == time {
            values[values.count - 1] = value
            return false
        }
        times.append(time)
        values.append(value)
        return true
    }

    /// The samples from `start` through `last`; neither goes back from call to call.
    func samples(from start: Int64, through last: Int64) -> Range<Int> {
        while end < times.count, times[end] <= last { end += 1 }
        while first < end, times[first] < start { first += 1 }
        return first..<end
    }
}

/// Asks a store for the samples of selectors.
struct SeriesLoader {
    let store: any TelemetryStore
    let limits: PromQLLimits
    let deadline: ContinuousClock.Instant
    /// Samples that are held.
    private(set) var count = 0

    init(store: any TelemetryStore, limits: PromQLLimits, deadline: ContinuousClock.Instant) {
        self.store = store
        self.limits = limits
        self.deadline = deadline
    }

    /// The series with samples between the two times, both in milliseconds and included, in the order of their labels.
    mutating func load(_ selector: PromQLSelector, from start: Int64, through end: Int64) async throws -> [LoadedSeries] {
        var metricNames: [String]?
        guard
            let filter = try await SelectorFilter.filter(
                selector.matchers, store, from: start, through: end, metricNames: &metricNames)
        else { return [] }
        var query = TelemetryQuery(filter, limit: 10_000, countsTotal: false)
        var known: [MetricSeries: LoadedSeries?] = [:]
        var loaded: [LabelSet: LoadedSeries] = [:]
        var check = CancellationCheck()
        while true {
            // Others wait for this thread too.
            await Task.yield()
            try Task.checkCancellation()
            let page = try await store.telemetry(query).items
            for sample in page {
                try check.step()
                let series: LoadedSeries?
                if let found = known[sample.series] {
                    series = found
                } else {
                    series = Self.series(sample.series, selector.matchers, &loaded)
                    // A pattern that was interrupted matches nothing, and must not be believed.
                    try Task.checkCancellation()
                    known[sample.series] = .some(series)
                }
                if let series, series.append(time: milliseconds(sample.timestamp), value: sample.value) { count += 1 }
            }
            guard count <= limits.maxSamples else {
                throw PromQLError(
                    .execution, "\(abbreviated(selector.description)) needs more than \(limits.maxSamples) samples (QUERY_MAX_SAMPLES); ask for fewer series or a shorter time")
            }
            guard ContinuousClock.now < deadline else {
                throw PromQLError(.timeout, "the query took longer than \(limits.timeout) (QUERY_TIMEOUT, or the parameter timeout)")
            }
            guard page.count == query.limit, let last = page.last else { break }
            query.after = SampleCursor(last)
        }
        return loaded.values.sorted { LabelSet.precedes($0.labels, $1.labels) }
    }

    private static func series(
        _ series: MetricSeries, _ matchers: [LabelMatcher], _ loaded: inout [LabelSet: LoadedSeries]
    ) -> LoadedSeries? {
        let labels = LabelSet(series)
        guard matchers.allSatisfy({ $0.matches(labels[$0.name]) }) else { return nil }
        if let known = loaded[labels] { return known }
        let new = LoadedSeries(labels: labels)
        loaded[labels] = new
        return new
    }

    /// Rounded down: a source that spreads series over nanoseconds means one moment.
    private func milliseconds(_ time: Timestamp) -> Int64 {
        let (quotient, remainder) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// What of a selector a store can be asked for.
package enum SelectorFilter {
    /// Includes all samples that the matchers mean, and maybe more; `nil` where there can be none.
    ///
    /// - Parameter metricNames: the store's metrics, asked for at the first selector that needs them.
    package static func filter(
        _ matchers: [LabelMatcher], _ store: any TelemetryStore, from start: Int64, through end: Int64,
        metricNames: inout [String]?
    ) async throws -> SampleFilter? {
        let names = matchers.filter { $0.name == LabelSet.nameLabel }
        var filter = SampleFilter()
        for (member, list) in GPUMember.filters { filter[keyPath: list] = texts(member.label, matchers) }
        // A bound beyond the years 1677 to 2262 is none, or leaves nothing.
        guard let startTime = timestamp(start, 0) ?? (start < 0 ? Timestamp(nanoseconds: .min) : nil),
            let endTime = timestamp(end, 999_999) ?? (end > 0 ? Timestamp(nanoseconds: .max) : nil)
        else { return nil }
        filter.startTime = startTime.nanoseconds == .min ? nil : startTime
        filter.endTime = endTime.nanoseconds == .max ? nil : endTime
        if !names.isEmpty {
            var candidates = texts(LabelSet.nameLabel, matchers)
            if candidates.isEmpty {
                candidates = if let metricNames { metricNames } else { try await store.metrics(uuid: nil).map(\.name) }
                metricNames = candidates
            }
            filter.metricNames = candidates.filter { name in names.allSatisfy { $0.matches(name) } }
            try Task.checkCancellation()
            if filter.metricNames.isEmpty { return nil }
        }
        return filter
    }

    /// The values that one matcher spells out; none where each may be meant, or the label may be absent.
    private static func texts(_ name: String, _ matchers: [LabelMatcher]) -> [String] {
        let spelled = matchers.lazy.filter { $0.name == name }.compactMap(\.allowedValues).first { !$0.contains("") }
        var unique: [String] = []
        for text in spelled ?? [] where !unique.contains(where: { $0.hasBytes(of: text) }) { unique.append(text) }
        return unique
    }

    /// Of milliseconds, and nanoseconds behind them.
    private static func timestamp(_ milliseconds: Int64, _ nanoseconds: Int64) -> Timestamp? {
        let (product, over) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, carry) = product.addingReportingOverflow(nanoseconds)
        return over || carry ? nil : Timestamp(nanoseconds: sum)
    }
}
