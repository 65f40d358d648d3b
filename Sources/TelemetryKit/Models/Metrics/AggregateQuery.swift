import TelemetryNet

/// One number for every group of GPUs and every window of time.
public struct AggregateQuery: Hashable, Sendable {
    /// How the samples of a window become one number.
    public enum Function: String, Sendable, Hashable, CaseIterable {
        /// Of all samples of the group in the window.
        case avg, min, max, sum, count
        /// The sample of rank ⌊p·n + ½⌋ of n, and at least the first: a value that was measured, never one between two.
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

    /// Which samples are put together.
    public enum Grouping: String, Sendable, Hashable, CaseIterable {
        /// Those of one GPU, those of one host.
        case gpu, host
        /// All GPUs together.
        case cluster
    }

    /// The metric; one at a time.
    public var metricName: String
    /// Its metric names are not looked at.
    public var filter: SampleFilter
    /// What is computed.
    public var function: Function
    /// Windows begin at multiples of it since 1970 and do not overlap. At least a microsecond.
    public var window: Duration
    /// What a group is.
    public var grouping: Grouping

    /// A query with these members.
    public init(
        metricName: String, filter: SampleFilter = SampleFilter(), function: Function, window: Duration, grouping: Grouping = .gpu
    ) {
        self.metricName = metricName
        self.filter = filter
        self.function = function
        self.window = window
        self.grouping = grouping
    }
}

/// What an ``AggregateQuery`` gives for one group.
public struct AggregateSeries: Hashable, Sendable {
    /// The number of one window.
    public struct Point: Hashable, Sendable {
        /// When the window begins.
        public var time: Timestamp
        /// What the query's function gives.
        public var value: Double

        /// A number and when its window begins.
        public init(time: Timestamp, value: Double) {
            self.time = time
            self.value = value
        }
    }

    /// A uuid, a hostname, or empty for the cluster.
    public var group: String
    /// In the order of time; windows without samples are left out.
    public var points: [Point]

    /// The points of one group.
    public init(group: String, points: [Point]) {
        self.group = group
        self.points = points
    }

    /// By the bytes of the group's name.
    public static func == (a: AggregateSeries, b: AggregateSeries) -> Bool { a.group.hasBytes(of: b.group) && a.points == b.points }
}

/// One series that is held: a metric of a GPU.
public struct SeriesInfo: Hashable, Sendable {
    /// The metric's name.
    public var metricName: String
    /// As the newest of its samples gave it.
    public var identity: GPUIdentity
    /// Samples that the filter includes.
    public var sampleCount: Int
    /// Time of the oldest of them.
    public var firstSeen: Timestamp
    /// Time of the newest of them.
    public var lastSeen: Timestamp

    /// A series with these members.
    public init(metricName: String, identity: GPUIdentity, sampleCount: Int, firstSeen: Timestamp, lastSeen: Timestamp) {
        self.metricName = metricName
        self.identity = identity
        self.sampleCount = sampleCount
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }

    /// By the bytes of the texts.
    public static func == (a: SeriesInfo, b: SeriesInfo) -> Bool {
        a.metricName.hasBytes(of: b.metricName) && a.identity == b.identity && a.sampleCount == b.sampleCount && a.firstSeen == b.firstSeen
            && a.lastSeen == b.lastSeen
    }
}
