import TelemetryBase

/// Which samples. What is empty or `nil` does not restrict; of a list, any entry may fit.
public struct SampleFilter: Hashable, Sendable {
    /// Any of these metrics.
    public var metricNames: [String]
    /// Any of these GPUs.
    public var uuids: [String]
    /// GPUs of any of these hosts.
    public var hostnames: [String]
    /// GPUs of any of these models.
    public var modelNames: [String]
    /// Inclusive.
    public var startTime: Timestamp?
    /// Inclusive.
    public var endTime: Timestamp?

    /// A filter with these members; without any, all samples.
    public init(
        metricNames: [String] = [], uuids: [String] = [], hostnames: [String] = [], modelNames: [String] = [],
        startTime: Timestamp? = nil, endTime: Timestamp? = nil
    ) {
        self.metricNames = metricNames
        self.uuids = uuids
        self.hostnames = hostnames
        self.modelNames = modelNames
        self.startTime = startTime
        self.endTime = endTime
    }

    /// By the bytes of the texts, as all comparison with what is stored.
    public static func == (a: SampleFilter, b: SampleFilter) -> Bool {
        a.startTime == b.startTime && a.endTime == b.endTime && a.metricNames.hasTexts(of: b.metricNames)
            && GPUMember.filters.allSatisfy { a[keyPath: $0.texts].hasTexts(of: b[keyPath: $0.texts]) }
    }

    /// Whether samples of the series may be meant; a sample is judged by the series that it came with.
    public func includes(_ series: MetricSeries) -> Bool {
        // Written out instead of derived from `GPUMember.filters`: a query asks this of each series that a store holds.
        func fits(_ list: [String], _ text: String) -> Bool { list.isEmpty || list.hasText(text) }
        return fits(metricNames, series.metricName) && fits(uuids, series.gpu.uuid)
            && fits(hostnames, series.gpu.hostname)
            && fits(modelNames, series.gpu.modelName)
    }

    /// Whether a sample of that time may be meant.
    public func includes(_ time: Timestamp) -> Bool {
        (startTime.map { $0 <= time } ?? true) && (endTime.map { time <= $0 } ?? true)
    }
}

/// A place in the order of all samples: time, then metric name, then uuid. What a page ends at, so that the next can begin behind it
/// whatever arrives in between.
public struct SampleCursor: Hashable, Sendable, Comparable, LosslessStringConvertible {
    /// Of the sample.
    public var timestamp: Timestamp
    /// Of the sample's series.
    public var metricName: String
    /// Of the sample's GPU.
    public var uuid: String

    /// A place, whether a sample is there or not.
    public init(timestamp: Timestamp, metricName: String, uuid: String) {
        self.timestamp = timestamp
        self.metricName = metricName
        self.uuid = uuid
    }

    /// The place of a sample.
    public init(_ sample: GPUMetric) {
        self.init(timestamp: sample.timestamp, metricName: sample.metricName, uuid: sample.gpu.uuid)
    }

    /// In the order of the texts' bytes.
    public static func < (a: SampleCursor, b: SampleCursor) -> Bool {
        if a.timestamp != b.timestamp { return a.timestamp < b.timestamp }
        return (ByteText(a.metricName), ByteText(a.uuid)) < (ByteText(b.metricName), ByteText(b.uuid))
    }

    public static func == (a: SampleCursor, b: SampleCursor) -> Bool {
        a.timestamp == b.timestamp && a.metricName.hasBytes(of: b.metricName) && a.uuid.hasBytes(of: b.uuid)
    }

    /// `1752871354000000000/DCGM_FI_DEV_GPU_TEMP/GPU-5fd4f087`, for a URL: all but letters, digits and `-._~` percent-encoded.
    public var description: String {
        "\(timestamp.nanoseconds)/\(percentEncoded(metricName))/\(percentEncoded(uuid))"
    }

    /// `nil` for a text that ``description`` does not give.
    public init?(_ description: String) {
        let parts = description.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let time = Int64(parts[0]), let name = percentDecoded(parts[1], plusIsSpace: false),
            let uuid = percentDecoded(parts[2], plusIsSpace: false)
        else { return nil }
        self.init(timestamp: Timestamp(nanoseconds: time), metricName: name, uuid: uuid)
        guard self.description == description else { return nil }
    }
}
