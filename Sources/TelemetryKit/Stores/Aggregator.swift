import TelemetryBase
import TelemetryModels

/// Collects values by group and window, and computes the result of an ``AggregateQuery`` for each.
package struct Aggregator {
    private let query: AggregateQuery
    private let window: Int64
    private var values: [ByteText: [Int64: [Double]]] = [:]

    package init(_ query: AggregateQuery) {
        self.query = query
        window = query.windowLength
    }

    static func group(_ gpu: GPUIdentity, by grouping: AggregateQuery.Grouping) -> String {
        switch grouping {
        case .gpu: gpu.uuid
        case .host: gpu.hostname
        case .cluster: ""
        }
    }

    /// The start of the window. Times before 1970 are rounded down too; the first window of all begins at the oldest
    /// possible time.
    package static func windowStart(_ time: Int64, _ window: Int64) -> Int64 {
        let rest = time % window
        let (start, under) = time.subtractingReportingOverflow(rest < 0 ? rest + window : rest)
        return under ? .min : start
    }

    package mutating func add(_ gpu: GPUIdentity, time: Int64, value: Double) {
        let start = Aggregator.windowStart(time, window)
        values[ByteText(Aggregator.group(gpu, by: query.grouping)), default: [:]][start, default: []].append(value)
    }

    package func result() -> [AggregateSeries] {
        values.sorted { $0.key < $1.key }.map { group, windows in
            AggregateSeries(
                group: group.string,
                points: windows.sorted { $0.key < $1.key }.map { start, values in
                    AggregateSeries.Point(
                        time: Timestamp(nanoseconds: start), value: Aggregator.value(query.function, values))
                })
        }
    }

    /// Requires at least one value.
    static func value(_ function: AggregateQuery.Function, _ values: [Double]) -> Double {
        switch function {
        case .avg: return values.reduce(0, +) / Double(values.count)
        case .min: return values.min()!
        case .max: return values.max()!
        case .sum: return values.reduce(0, +)
        case .count: return Double(values.count)
        case .p50, .p95, .p99:
            return values.sorted()[function.rank(of: values.count) - 1]
        }
    }
}

// MARK: - What every adapter needs of a query

extension AggregateQuery {
    /// Nanoseconds.
    package var windowLength: Int64 { max(1_000, window.wholeNanoseconds) }

    /// The filter for the samples that are included.
    package var samples: SampleFilter {
        var filter = filter
        filter.metricNames = [metricName]
        return filter
    }
}

extension AggregateQuery.Function {
    /// The rank of a percentile among the sorted values, counted from 1. Only for a percentile.
    func rank(of count: Int) -> Int { Swift.max(1, Int((quantile! * Double(count) + 0.5).rounded(.down))) }
}

extension AggregateQuery.Grouping {
    /// The database column that defines the groups; `nil` if there is one group.
    package var tag: String? {
        switch self {
        case .gpu: "uuid"
        case .host: "hostname"
        case .cluster: nil
        }
    }
}
