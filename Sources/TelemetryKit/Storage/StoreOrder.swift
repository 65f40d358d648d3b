/// The orders that ``TelemetryStore`` promises, for adapters to sort by.
enum StoreOrder {
    /// Hostname, then gpu id as a number, then uuid. Ids that are no number follow those that are.
    static func gpus(_ a: GPUInfo, _ b: GPUInfo) -> Bool {
        let x = a.identity
        let y = b.identity
        if x.hostname != y.hostname { return x.hostname < y.hostname }
        if x.gpuID != y.gpuID {
            switch (UInt64(x.gpuID), UInt64(y.gpuID)) {
            case (let m?, let n?) where m != n: return m < n
            case (.some, nil): return true
            case (nil, .some): return false
            default: return x.gpuID < y.gpuID
            }
        }
        return x.uuid < y.uuid
    }

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

extension Array where Element: Sendable {
    /// The page of the list from `offset`, `limit` long at most.
    func page(limit: Int, offset: Int) -> Page<Element> {
        Page(items: Array(dropFirst(Swift.max(0, offset)).prefix(Swift.max(0, limit))), total: count)
    }
}

extension Duration {
    /// Rounded down; a duration beyond 292 years is as long as that.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, over) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if over { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? .max : sum
    }
}
