import TelemetryModels
import TelemetryNet

/// An aggregate that PromQL defines as ``AggregateQuery`` does: over windows of whole milliseconds, of a function other than a percentile,
/// which there lies between two samples.
struct VictoriaWindows {
    private let query: AggregateQuery
    private let range: VictoriaRange
    /// Milliseconds.
    private let window: Int64
    /// Where the first and the last window with samples begin.
    private let first: Int64
    private let last: Int64

    /// An answer holds so many windows at most; the database's own limit is 30,000 (`-search.maxPointsPerTimeseries`).
    static let maximumCount: Int64 = 10_000

    /// `nil` where it is not such a one.
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
        // Where the range cuts a window, that one is asked for alone.
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

    /// The windows that begin from `start` to `last`: several where they are whole.
    private func ask(
        _ database: VictoriaHTTP, _ selector: String, _ start: Int64, through last: Int64, _ points: inout [ByteText: [AggregateSeries.Point]]
    ) async throws {
        // A window of MetricsQL ends with the moment that is asked about and does not include its beginning.
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

    /// That of one group is the same in every sample of the store: none has it.
    private var groupLabel: String { query.grouping.tag ?? "cluster" }

    private func expression(_ samples: String) -> String {
        func part(_ aggregate: String, _ function: String) -> String { "\(aggregate)(\(function)(\(samples))) by (\(groupLabel))" }
        return switch query.function {
        case .min: part("min", "min_over_time")
        case .max: part("max", "max_over_time")
        case .sum: part("sum", "sum_over_time")
        case .count: part("sum", "count_over_time")
        case .avg, .p50, .p95, .p99: part("sum", "sum_over_time") + " / " + part("sum", "count_over_time")
        }
    }
}
