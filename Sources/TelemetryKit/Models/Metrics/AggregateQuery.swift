import TelemetryBase

/// One number for each group of GPUs and each window of time.
public struct AggregateQuery: Hashable, Sendable {
    /// The function that aggregates the samples of a window.
    public enum Function: String, Sendable, Hashable, CaseIterable {
        /// Computed from all samples of the group in the window.
        case avg, min, max, sum, count
        /// The sample of rank ⌊p·n + ½⌋ of n, and at least the first: a measured value, never an interpolated one.
        case p50, p95, p99

        /// p, for a percentile.
        public var quantile: Double? {
            switch self {
            case .p50: 0.5
            case .p95: 0.95
            case .p99: 0.99
            case .avg, .min, .max, .sum, .count: nil
            }
        }
    }

    /// How samples are grouped.
    public enum Grouping: String, Sendable, Hashable, CaseIterable {
        /// By GPU, by host.
        case gpu, host
        /// All GPUs together.
        case cluster
    }

    /// The metric; one at a time.
    public var metricName: String
    /// The filter; its metric names are ignored.
    public var filter: SampleFilter
    /// The function.
    public var function: Function
    /// The length of a window. Windows begin at multiples of it since 1970 and do not overlap. At least a microsecond.
    public var window: Duration
    /// How samples are grouped.
    public var grouping: Grouping

    /// Creates a query.
    public init(
        metricName: String, filter: SampleFilter = SampleFilter(), function: Function, window: Duration,
        grouping: Grouping = .gpu
    ) {
        self.metricName = metricName
        self.filter = filter
        self.function = function
        self.window = window
        self.grouping = grouping
    }
}

/// The result of an ``AggregateQuery`` for one group.
public struct AggregateSeries: Hashable, Sendable {
    /// The result for one window.
    public struct Point: Hashable, Sendable {
        /// The start of the window.
        public var time: Timestamp
        /// The result of the query's function.
        public var value: Double

        /// Creates a point.
        public init(time: Timestamp, value: Double) {
            self.time = time
            self.value = value
        }
    }

    /// A uuid, a hostname, or empty for the cluster.
    public var group: String
    /// The points in the order of time; windows without samples are omitted.
    public var points: [Point]

    /// Creates the series of one group.
    public init(group: String, points: [Point]) {
        self.group = group
        self.points = points
    }

    /// Ordered by the bytes of the group's name.
    public static func == (a: AggregateSeries, b: AggregateSeries) -> Bool {
        a.group.hasBytes(of: b.group) && a.points == b.points
    }
}

/// One stored series: a metric of a GPU.
public struct SeriesInfo: Hashable, Sendable {
    /// The metric's name.
    public var metricName: String
    /// The GPU as the newest of the samples describes it.
    public var identity: GPUIdentity
    /// The number of samples that the filter includes.
    public var sampleCount: Int
    /// The time of the oldest of them.
    public var firstSeen: Timestamp
    /// The time of the newest of them.
    public var lastSeen: Timestamp

    /// Creates series information.
    public init(metricName: String, identity: GPUIdentity, sampleCount: Int, firstSeen: Timestamp, lastSeen: Timestamp)
    {
        self.metricName = metricName
        self.identity = identity
        self.sampleCount = sampleCount
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }

    /// Compares the bytes of the texts.
    public static func == (a: SeriesInfo, b: SeriesInfo) -> Bool {
        a.metricName.hasBytes(of: b.metricName) && a.identity == b.identity && a.sampleCount == b.sampleCount
            && a.firstSeen == b.firstSeen
            && a.lastSeen == b.lastSeen
    }
}
