/// The HTTP interface of one generation of InfluxDB, as far as ``InfluxDBStore`` needs it.
protocol InfluxInterface: Sendable {
    /// Creates the bucket or database where it is absent and that is allowed; else throws.
    func prepare() async throws
    /// Stores lines of line protocol with times in nanoseconds. Returns `nil` where all are stored or older than the retention period;
    /// where the database refuses some, none needs to be.
    func write(_ lines: [UInt8]) async throws -> WriteRefusal?
    func checkHealth() async throws
    var queries: any InfluxQueries { get }
}

/// What is asked of a database, in one of its languages.
protocol InfluxQueries: Sendable {
    /// The first samples in the order of time, as many as asked for or more; themselves in any order. `offset` samples are
    /// skipped first; it is only given with a limit and where one series is asked for.
    func samples(_ filter: SampleFilter, limit: Int?, offset: Int) async throws -> InfluxSamples
    func count(_ filter: SampleFilter) async throws -> Int
    /// The newest sample of every series. Where its tags changed, a series may be there several times.
    func latest(_ filter: SampleFilter) async throws -> [GPUMetric]
    /// The extent of every series, in parts where its tags changed.
    func extents(_ filter: SampleFilter) async throws -> [SeriesExtent]
    /// `nil` where the language has no function of exactly this meaning.
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries]?
}

struct InfluxSamples: Sendable {
    var items: [GPUMetric] = []
    /// From this time on some are left out because of the limit; there are as many as that up to it. `nil`: none are.
    var cut: Int64?
}

struct SeriesExtent: Sendable {
    var metricName: String
    var uuid: String
    var count: Int
    var oldest: Int64
}

/// The bucket (in 1.x: database) is not there.
struct MissingBucket: Error {
    var error: StoreError
}

/// Makes samples of rows, and shares one ``MetricSeries`` among all rows that have the same texts.
struct SeriesTable {
    private struct Key: Hashable {
        var metricName: ByteText
        var gpu: GPUIdentity
        var labels: ByteText
    }

    private var known: [Key: MetricSeries] = [:]

    /// `field` returns a column's text as it is stored; `nil` where there is none.
    mutating func series(metricName: String, _ field: (String) -> String?) throws -> MetricSeries {
        let key = Key(metricName: ByteText(metricName), gpu: GPUIdentity(stored: field), labels: ByteText(field("labels_raw") ?? ""))
        if let series = known[key] { return series }
        let series = MetricSeries(metricName: metricName, gpu: key.gpu, labels: try StoredLabels.labels(key.labels.string))
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
