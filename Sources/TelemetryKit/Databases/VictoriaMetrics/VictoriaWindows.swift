import TelemetryBase
import TelemetryModels

/// An aggregate that PromQL defines like ``AggregateQuery``: over windows of whole milliseconds, with a function other
/// than a percentile, which PromQL interpolates between two samples.
struct VictoriaWindows {
    private let query: AggregateQuery
    private let range: VictoriaRange
    /// Milliseconds.
    private let window: Int64
    /// The start of the first and the last window with samples.
    private let first: Int64
    private let last: Int64

    /// The maximum number of windows per response; the database's own limit is 30,000
    /// (`-search.maxPointsPerTimeseries`).
    static let maximumCount: Int64 = 10_000

    /// `nil` if it is not such an aggregate.
    init?(_ query: AggregateQuery, _ range: VictoriaRange, _ extent: VictoriaExtent) {
        let nanoseconds = query.window.wholeNanoseconds
        guard query.function.quantile == nil, nanoseconds > 0, nanoseconds % 1_000_000 == 0 else { return nil }
        window = nanoseconds / 1_000_000
        first = extent.first.flooredDivision(by: window) * window
        last = extent.last.flooredDivision(by: window) * window
        guard window <= VictoriaRange.latest, (last - first) / window < Self.maximumCount else { return nil }
        self.query = query
        self.range = range
    }

    func ask(_ database: VictoriaHTTP, _ selector: String) async throws -> [AggregateSeries] {
        var points: [ByteText: [AggregateSeries.Point]] = [:]
        // A window that the range truncates is requested separately.
        var start = first
        if range.start > start {
            try await ask(database, selector, start, through: start, &points)
            start += window
        }
        let lastIsCut = range.end < last + window - 1
        let end = lastIsCut ? last - window : last
        if start <= end { try await ask(database, selector, start, through: end, &points) }
        if lastIsCut, start <= last { try await ask(database, selector, last, through: last, &points) }
        return points.sorted { $0.key < $1.key }.map { AggregateSeries(group: $0.string, points: $1) }
    }

    /// The windows that begin from `start` to `last`: several if they are complete.
    private func ask(
        _ database: VictoriaHTTP, _ selector: String, _ start: Int64, through last: Int64,
        _ points: inout [ByteText: [AggregateSeries.Point]]
    ) async throws {
        // A window of MetricsQL ends at the evaluation time and does not include its beginning.
        let end = min(start + window - 1, range.end)
        let length = end - max(start, range.start) + 1
        let expression = MetricsQL.with(selector, expression("meant[\(length)ms]"))
        for element in try await database.query(expression, from: end, through: end + (last - start), step: window) {
            let group = element.labels[groupLabel] ?? ""
            points[ByteText(group), default: []] += element.points.map {
                AggregateSeries.Point(time: Timestamp(milliseconds: start + ($0.time - end)), value: $0.value)
            }
        }
    }

    /// The label to group by. No sample of the store has a label `cluster`, so all samples form one group.
    private var groupLabel: String { query.grouping.tag ?? "cluster" }

    private func expression(_ samples: String) -> String {
        func part(_ aggregate: String, _ function: String) -> String {
            "\(aggregate)(\(function)(\(samples))) by (\(groupLabel))"
        }
        return switch query.function {
        case .min: part("min", "min_over_time")
        case .max: part("max", "max_over_time")
        case .sum: part("sum", "sum_over_time")
        case .count: part("sum", "count_over_time")
        case .avg, .p50, .p95, .p99: part("sum", "sum_over_time") + " / " + part("sum", "count_over_time")
        }
    }
}
