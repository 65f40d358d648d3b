/// What is held about one GPU.
///
/// JSON members: those of ``GPUIdentity``, `first_seen`, `last_seen` (RFC 3339).
public struct GPUInfo: Hashable, Sendable {
    /// As the newest sample of the GPU gave it.
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

/// Which samples of one GPU to return. What is `nil` does not restrict.
public struct TelemetryQuery: Hashable, Sendable {
    public var uuid: String
    public var metricName: String?
    /// Inclusive.
    public var startTime: Timestamp?
    /// Inclusive.
    public var endTime: Timestamp?
    /// At most so many samples; `nil`: all.
    public var limit: Int?
    /// So many samples are skipped first.
    public var offset: Int

    public init(
        uuid: String, metricName: String? = nil, startTime: Timestamp? = nil, endTime: Timestamp? = nil,
        limit: Int? = nil, offset: Int = 0
    ) {
        self.uuid = uuid
        self.metricName = metricName
        self.startTime = startTime
        self.endTime = endTime
        self.limit = limit
        self.offset = offset
    }
}

/// One page of a list, and how many there are in all.
public struct Page<Element: Sendable>: Sendable {
    public var items: [Element]
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
