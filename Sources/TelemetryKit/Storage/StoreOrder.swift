/// The orders that ``TelemetryStore`` promises, for adapters to sort by.
enum StoreOrder {
    static func gpus(_ a: GPUInfo, _ b: GPUInfo) -> Bool { a.identity.precedes(b.identity) }

    /// Time, then metric name, then uuid.
    static func metrics(_ a: GPUMetric, _ b: GPUMetric) -> Bool { SampleCursor(a) < SampleCursor(b) }

    /// What identifies a series, in the order of lists of series.
    struct SeriesKey: Hashable, Comparable {
        var metricName: String
        var uuid: String

        init(metricName: String, uuid: String) {
            self.metricName = metricName
            self.uuid = uuid
        }

        init(_ sample: GPUMetric) { self.init(metricName: sample.metricName, uuid: sample.gpu.uuid) }

        static func < (a: SeriesKey, b: SeriesKey) -> Bool { (a.metricName, a.uuid) < (b.metricName, b.uuid) }
    }
}

extension GPUIdentity {
    /// The order of GPUs in lists: hostname, then gpu id as a number, then uuid. Ids that are no number follow those that are.
    public func precedes(_ other: GPUIdentity) -> Bool {
        if hostname != other.hostname { return hostname < other.hostname }
        if gpuID != other.gpuID {
            switch (UInt64(gpuID), UInt64(other.gpuID)) {
            case (let m?, let n?) where m != n: return m < n
            case (.some, nil): return true
            case (nil, .some): return false
            default: return gpuID < other.gpuID
            }
        }
        return uuid < other.uuid
    }
}

extension Array where Element: Sendable {
    /// The page of the list from `offset`, `limit` long at most.
    func page(limit: Int, offset: Int) -> Page<Element> {
        Page(items: Array(dropFirst(Swift.max(0, offset)).prefix(Swift.max(0, limit))), total: count)
    }
}

extension Int {
    /// A database's count. Nothing else is known of such a number, which may not even be one.
    init(count value: Double) throws(StoreError) {
        guard let count = Int(exactly: value), 0...1 << 53 ~= count else {
            throw StoreError(.invalidAnswer, "\(value) is not a count of samples")
        }
        self = count
    }
}
