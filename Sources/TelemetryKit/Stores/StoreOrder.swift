import TelemetryBase
import TelemetryModels

/// The orders that ``TelemetryStore`` requires, for adapters to sort by.
package enum StoreOrder {
    package static func gpus(_ a: GPUInfo, _ b: GPUInfo) -> Bool { a.identity.precedes(b.identity) }

    /// Ordered by time, then metric name, then uuid.
    package static func metrics(_ a: GPUMetric, _ b: GPUMetric) -> Bool { SampleCursor(a) < SampleCursor(b) }

    /// The identity of a series, in the order of lists of series.
    package struct SeriesKey: Hashable, Comparable {
        private let name: ByteText
        private let gpu: ByteText

        package var metricName: String { name.string }
        package var uuid: String { gpu.string }

        package init(metricName: String, uuid: String) {
            name = ByteText(metricName)
            gpu = ByteText(uuid)
        }

        package init(_ sample: GPUMetric) { self.init(metricName: sample.metricName, uuid: sample.gpu.uuid) }

        package static func < (a: SeriesKey, b: SeriesKey) -> Bool { (a.name, a.gpu) < (b.name, b.gpu) }
    }
}

extension GPUIdentity {
    /// The order of GPUs in lists: hostname, then gpu id as a number, then uuid, texts by their bytes. Ids that are not
    /// numbers come after those that are.
    public func precedes(_ other: GPUIdentity) -> Bool {
        if !hostname.hasBytes(of: other.hostname) { return hostname.precedes(other.hostname) }
        if !gpuID.hasBytes(of: other.gpuID) {
            switch (UInt64(gpuID), UInt64(other.gpuID)) {
            case (let m?, let n?) where m != n: return m < n
            case (.some, nil): return true
            case (nil, .some): return false
            default: return gpuID.precedes(other.gpuID)
            }
        }
        return uuid.precedes(other.uuid)
    }
}

extension Array where Element: Sendable {
    /// The page of the list from `offset`, at most `limit` elements.
    package func page(limit: Int, offset: Int) -> Page<Element> {
        Page(items: Array(dropFirst(Swift.max(0, offset)).prefix(Swift.max(0, limit))), total: count)
    }
}

extension Int {
    /// A database's count. Nothing is known about such a number, which may not even be one.
    package init(count value: Double) throws(StoreError) {
        guard let count = Int(exactly: value), 0...1 << 53 ~= count else {
            throw StoreError(.invalidAnswer, "\(value) is not a valid count of samples")
        }
        self = count
    }
}
