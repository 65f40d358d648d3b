/// What is held about one GPU.
///
/// JSON members: those of ``GPUIdentity``, `first_seen`, `last_seen` (RFC 3339).
public struct GPUInfo: Hashable, Sendable {
    /// As the newest sample of the GPU gave it; of several metrics at that time the first by name.
    public var identity: GPUIdentity
    /// Times of the oldest and the newest sample that are held.
    public var firstSeen: Timestamp
    public var lastSeen: Timestamp

    public init(identity: GPUIdentity, firstSeen: Timestamp, lastSeen: Timestamp) {
        self.identity = identity
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }
}

/// Which samples to return, in the order of time, then metric name, then uuid.
public struct TelemetryQuery: Hashable, Sendable {
    public var filter: SampleFilter
    /// At most so many samples; `nil`: all.
    public var limit: Int?
    /// So many samples are skipped first.
    public var offset: Int
    /// Only samples behind it. Pages that each begin behind the last sample of the one before are stable while data arrives.
    public var after: SampleCursor?
    /// Whether the page's total is asked for, which may cost as much as the page.
    public var countsTotal: Bool

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
    public var items: [Element]
    /// Of all pages; the number of items where the total was not asked for.
    public var total: Int

    public init(items: [Element], total: Int) {
        self.items = items
        self.total = total
    }
}

/// One metric name, and what is held under it.
public struct MetricSummary: Hashable, Sendable {
    public var name: String
    /// Samples held.
    public var sampleCount: Int
    /// GPUs that have at least one sample of it.
    public var gpuCount: Int

    public init(name: String, sampleCount: Int, gpuCount: Int) {
        self.name = name
        self.sampleCount = sampleCount
        self.gpuCount = gpuCount
    }
}

/// Sizes of a store, for `/api/v1/stats`.
public struct StoreStatistics: Hashable, Sendable {
    public var sampleCount: Int
    public var gpuCount: Int
    public var metricCount: Int
    public var hostCount: Int
    public var oldest: Timestamp?
    public var newest: Timestamp?

    public init(sampleCount: Int, gpuCount: Int, metricCount: Int, hostCount: Int, oldest: Timestamp?, newest: Timestamp?) {
        self.sampleCount = sampleCount
        self.gpuCount = gpuCount
        self.metricCount = metricCount
        self.hostCount = hostCount
        self.oldest = oldest
        self.newest = newest
    }
}
