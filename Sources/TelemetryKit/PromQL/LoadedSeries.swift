import TelemetryBase
import TelemetryModels
import TelemetryStores

/// The samples of one series that a selector may need, and the position of the evaluation in them.
///
/// Times are milliseconds, as in Prometheus; of two samples within one millisecond, the later counts.
final class LoadedSeries {
    let labels: LabelSet
    private(set) var times: [Int64] = []
    private(set) var values: [Double] = []
    /// The samples before it are too old for this evaluation time, and for all later ones.
    private var first = 0
    /// The index after the last sample that is not too new.
    private var end = 0

    init(labels: LabelSet) { self.labels = labels }

    /// Adds samples in the order of time; returns whether it added one.
    func append(time: Int64, value: Double) -> Bool {
        if times.last == time {
            values[values.count - 1] = value
            return false
        }
        times.append(time)
        values.append(value)
        return true
    }

    /// Returns the samples from `start` through `last`; neither may decrease from call to call.
    func samples(from start: Int64, through last: Int64) -> Range<Int> {
        while end < times.count, times[end] <= last { end += 1 }
        while first < end, times[first] < start { first += 1 }
        return first..<end
    }
}

/// Reads the samples of selectors from a store.
struct SeriesLoader {
    let store: any TelemetryStore
    let limits: PromQLLimits
    let deadline: ContinuousClock.Instant
    /// The number of samples in memory.
    private(set) var count = 0

    init(store: any TelemetryStore, limits: PromQLLimits, deadline: ContinuousClock.Instant) {
        self.store = store
        self.limits = limits
        self.deadline = deadline
    }

    /// Returns the series with samples between the two times, in milliseconds and inclusive, ordered by their labels.
    mutating func load(_ selector: PromQLSelector, from start: Int64, through end: Int64) async throws -> [LoadedSeries]
    {
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
            // Other tasks wait for this thread too.
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
                    // A pattern that was interrupted matches nothing, and its result must not be used.
                    try Task.checkCancellation()
                    known[sample.series] = .some(series)
                }
                if let series, series.append(time: milliseconds(sample.timestamp), value: sample.value) { count += 1 }
            }
            guard count <= limits.maxSamples else {
                throw PromQLError(
                    .execution,
                    "\(abbreviated(selector.description)) needs more than \(limits.maxSamples) samples (QUERY_MAX_SAMPLES); ask for fewer series or a shorter time"
                )
            }
            guard ContinuousClock.now < deadline else {
                throw PromQLError(
                    .timeout, "the query took longer than \(limits.timeout) (QUERY_TIMEOUT, or the parameter timeout)")
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

    /// Rounded down: a source that spreads series over nanoseconds means the same moment.
    private func milliseconds(_ time: Timestamp) -> Int64 {
        let (quotient, remainder) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

/// The part of a selector that a store can be queried by.
package enum SelectorFilter {
    /// Returns a query that includes all samples that the matchers select, and maybe more; `nil` if there can be none.
    ///
    /// - Parameter metricNames: The store's metrics, requested by the first selector that needs them.
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

    /// The values that one matcher lists explicitly; none if any value may match, or the label may be missing.
    private static func texts(_ name: String, _ matchers: [LabelMatcher]) -> [String] {
        let spelled = matchers.lazy.filter { $0.name == name }.compactMap(\.allowedValues).first { !$0.contains("") }
        var unique: [String] = []
        for text in spelled ?? [] where !unique.contains(where: { $0.hasBytes(of: text) }) { unique.append(text) }
        return unique
    }

    /// Creates a time from milliseconds, plus nanoseconds.
    private static func timestamp(_ milliseconds: Int64, _ nanoseconds: Int64) -> Timestamp? {
        let (product, over) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, carry) = product.addingReportingOverflow(nanoseconds)
        return over || carry ? nil : Timestamp(nanoseconds: sum)
    }
}
