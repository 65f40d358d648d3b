import TelemetryBase

/// Information about one GPU in the store.
///
/// JSON members: those of ``GPUIdentity``, `first_seen`, `last_seen` (RFC 3339).
public struct GPUInfo: Hashable, Sendable {
    /// The GPU as its newest sample describes it; if several metrics have that time, the first by name.
    public var identity: GPUIdentity
    /// The time of the oldest stored sample.
    public var firstSeen: Timestamp
    /// The time of the newest stored sample.
    public var lastSeen: Timestamp

    /// Creates GPU information.
    public init(identity: GPUIdentity, firstSeen: Timestamp, lastSeen: Timestamp) {
        self.identity = identity
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }
}

/// A query for samples, ordered by time, then metric name, then uuid.
public struct TelemetryQuery: Hashable, Sendable {
    /// The filter for the samples.
    public var filter: SampleFilter
    /// The maximum number of samples; `nil` for all.
    public var limit: Int?
    /// The number of samples to skip.
    public var offset: Int
    /// Only samples after it. Pages that each begin after the last sample of the previous one are stable while data
    /// arrive.
    public var after: SampleCursor?
    /// Whether the page's total is requested, which may cost as much as the page.
    public var countsTotal: Bool

    /// Creates a query for the samples that the filter includes, of all GPUs if it names none.
    public init(
        _ filter: SampleFilter, limit: Int? = nil, offset: Int = 0, after: SampleCursor? = nil, countsTotal: Bool = true
    ) {
        self.filter = filter
        self.limit = limit
        self.offset = offset
        self.after = after
        self.countsTotal = countsTotal
    }

    /// Creates a query for the samples of one GPU.
    public init(
        uuid: String, metricName: String? = nil, startTime: Timestamp? = nil, endTime: Timestamp? = nil,
        limit: Int? = nil, offset: Int = 0
    ) {
        self.init(
            SampleFilter(
                metricNames: metricName.map { [$0] } ?? [], uuids: [uuid], startTime: startTime, endTime: endTime),
            limit: limit, offset: offset)
    }
}

/// One page of a list, with the total number of items.
public struct Page<Element: Sendable>: Sendable {
    /// The items, in the list's order.
    public var items: [Element]
    /// The number of items on all pages; the number of items on this page if the total was not requested.
    public var total: Int

    /// Creates a page with some of `total` items.
    public init(items: [Element], total: Int) {
        self.items = items
        self.total = total
    }
}

/// One metric name, with the number of its samples and GPUs.
public struct MetricSummary: Hashable, Sendable {
    /// The metric's name.
    public var name: String
    /// The number of stored samples.
    public var sampleCount: Int
    /// The number of GPUs that have at least one sample of it.
    public var gpuCount: Int

    /// Creates metric information.
    public init(name: String, sampleCount: Int, gpuCount: Int) {
        self.name = name
        self.sampleCount = sampleCount
        self.gpuCount = gpuCount
    }

    /// Ordered by the bytes of the name.
    public static func == (a: MetricSummary, b: MetricSummary) -> Bool {
        a.name.hasBytes(of: b.name) && a.sampleCount == b.sampleCount && a.gpuCount == b.gpuCount
    }
}

/// Sizes of a store, for `/api/v1/stats`.
public struct StoreStatistics: Hashable, Sendable {
    /// The number of stored samples.
    public var sampleCount: Int
    /// The number of GPUs that have samples.
    public var gpuCount: Int
    /// The number of metric names that have samples.
    public var metricCount: Int
    /// The number of hosts whose GPUs have samples.
    public var hostCount: Int
    /// The time of the oldest sample; `nil` if there is none.
    public var oldest: Timestamp?
    /// The time of the newest sample; `nil` if there is none.
    public var newest: Timestamp?

    /// Creates statistics.
    public init(
        sampleCount: Int, gpuCount: Int, metricCount: Int, hostCount: Int, oldest: Timestamp?, newest: Timestamp?
    ) {
        self.sampleCount = sampleCount
        self.gpuCount = gpuCount
        self.metricCount = metricCount
        self.hostCount = hostCount
        self.oldest = oldest
        self.newest = newest
    }
}
