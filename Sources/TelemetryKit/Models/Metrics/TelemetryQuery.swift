import TelemetryNet

/// What is held about one GPU.
///
/// JSON members: those of ``GPUIdentity``, `first_seen`, `last_seen` (RFC 3339).
public struct GPUInfo: Hashable, Sendable {
    /// As the newest sample of the GPU gave it; of several metrics at that time the first by name.
    public var identity: GPUIdentity
    /// Time of the oldest sample that is held.
    public var firstSeen: Timestamp
    /// Time of the newest sample that is held.
    public var lastSeen: Timestamp

    /// A GPU with these members.
    public init(identity: GPUIdentity, firstSeen: Timestamp, lastSeen: Timestamp) {
        self.identity = identity
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }
}

/// Which samples to return, in the order of time, then metric name, then uuid.
public struct TelemetryQuery: Hashable, Sendable {
    /// Which samples are meant.
    public var filter: SampleFilter
    /// At most so many samples; `nil`: all.
    public var limit: Int?
    /// So many samples are skipped first.
    public var offset: Int
    /// Only samples behind it. Pages that each begin behind the last sample of the one before are stable while data arrives.
    public var after: SampleCursor?
    /// Whether the page's total is asked for, which may cost as much as the page.
    public var countsTotal: Bool

    /// Samples that the filter includes, of all GPUs where it names none.
    public init(
        _ filter: SampleFilter, limit: Int? = nil, offset: Int = 0, after: SampleCursor? = nil, countsTotal: Bool = true
    ) {
        self.filter = filter
        self.limit = limit
        self.offset = offset
        self.after = after
        self.countsTotal = countsTotal
    }

    /// Samples of one GPU.
    public init(
        uuid: String, metricName: String? = nil, startTime: Timestamp? = nil, endTime: Timestamp? = nil,
        limit: Int? = nil, offset: Int = 0
    ) {
        self.init(
            SampleFilter(metricNames: metricName.map { [$0] } ?? [], uuids: [uuid], startTime: startTime, endTime: endTime),
            limit: limit, offset: offset)
    }
}

/// One page of a list, and how many there are in all.
public struct Page<Element: Sendable>: Sendable {
    /// The items, in the list's order.
    public var items: [Element]
    /// Of all pages; the number of items where the total was not asked for.
    public var total: Int

    /// Some of `total` items.
    public init(items: [Element], total: Int) {
        self.items = items
        self.total = total
    }
}

/// One metric name, and what is held under it.
public struct MetricSummary: Hashable, Sendable {
    /// The metric's name.
    public var name: String
    /// Samples held.
    public var sampleCount: Int
    /// GPUs that have at least one sample of it.
    public var gpuCount: Int

    /// A metric with these members.
    public init(name: String, sampleCount: Int, gpuCount: Int) {
        self.name = name
        self.sampleCount = sampleCount
        self.gpuCount = gpuCount
    }

    /// By the bytes of the name.
    public static func == (a: MetricSummary, b: MetricSummary) -> Bool {
        a.name.hasBytes(of: b.name) && a.sampleCount == b.sampleCount && a.gpuCount == b.gpuCount
    }
}

/// Sizes of a store, for `/api/v1/stats`.
public struct StoreStatistics: Hashable, Sendable {
    /// Samples held.
    public var sampleCount: Int
    /// GPUs that have samples.
    public var gpuCount: Int
    /// Names of metrics that have samples.
    public var metricCount: Int
    /// Hosts of the GPUs that have samples.
    public var hostCount: Int
    /// Time of the oldest sample; `nil` where there is none.
    public var oldest: Timestamp?
    /// Time of the newest sample; `nil` where there is none.
    public var newest: Timestamp?

    /// Sizes with these members.
    public init(sampleCount: Int, gpuCount: Int, metricCount: Int, hostCount: Int, oldest: Timestamp?, newest: Timestamp?) {
        self.sampleCount = sampleCount
        self.gpuCount = gpuCount
        self.metricCount = metricCount
        self.hostCount = hostCount
        self.oldest = oldest
        self.newest = newest
    }
}
