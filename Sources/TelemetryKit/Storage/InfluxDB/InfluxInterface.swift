/// The HTTP interface of one generation of InfluxDB, as far as ``InfluxDBStore`` needs it.
protocol InfluxInterface: Sendable {
    /// What `/ping` or the configuration gave.
    var version: String { get }
    /// Creates the bucket or database where it is absent and that is allowed; else throws.
    func prepare() async throws
    /// Stores lines of line protocol with times in nanoseconds.
    func write(_ lines: [UInt8]) async throws
    /// The newest sample of every metric of the GPU, or of all GPUs.
    func newest(uuid: String?) async throws -> [SeriesEnd]
    /// The time of the oldest sample by uuid.
    func oldest(uuid: String?) async throws -> [String: Int64]
    func counts(uuid: String?) async throws -> [SeriesCount]
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric>
    func checkHealth() async throws
}

struct SeriesEnd: Sendable {
    var metricName: String
    var gpu: GPUIdentity
    var time: Int64
}

struct SeriesCount: Sendable {
    var metricName: String
    var uuid: String
    var count: Int
}

/// The bucket (in 1.x: database) is not there.
struct MissingBucket: Error {
    var error: StoreError
}

/// Makes samples of rows, and shares one ``MetricSeries`` among all rows that have the same texts.
struct SeriesTable {
    private struct Key: Hashable {
        var metricName: String
        var gpu: GPUIdentity
        var labels: String
    }

    private var known: [Key: MetricSeries] = [:]

    /// `field` returns a column's text as it is stored; `nil` where there is none.
    mutating func series(metricName: String, _ field: (String) -> String?) throws -> MetricSeries {
        let key = Key(metricName: metricName, gpu: GPUIdentity(stored: field), labels: field("labels_raw") ?? "")
        if let series = known[key] { return series }
        let series = MetricSeries(
            metricName: LineProtocolText.decoded(metricName), gpu: key.gpu, labels: try StoredLabels.labels(key.labels))
        known[key] = series
        return series
    }
}

extension GPUIdentity {
    init(stored field: (String) -> String?) {
        func text(_ name: String) -> String { field(name).map(LineProtocolText.decoded) ?? "" }
        self.init(
            gpuID: text("gpu_id"), device: text("device"), uuid: text("uuid"), modelName: text("model_name"),
            hostname: text("hostname"), container: text("container"), pod: text("pod"), namespace: text("namespace"))
    }
}
