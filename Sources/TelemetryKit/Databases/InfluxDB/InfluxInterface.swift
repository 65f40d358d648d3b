import TelemetryBase
import TelemetryModels
import TelemetryStores

/// The HTTP API of one generation of InfluxDB, as far as ``InfluxDBStore`` needs it.
protocol InfluxInterface: Sendable {
    /// Performs the preparations for the first write; does nothing if a write to a missing bucket fails.
    func prepare() async throws
    /// Creates the bucket or database. Throws the database's error, also if it already exists.
    func create() async throws
    /// Stores lines of line protocol with times in nanoseconds. Returns `nil` if all are stored or older than the
    /// retention period; if the database refuses some, it may have stored none.
    func write(_ lines: [UInt8]) async throws -> WriteRefusal?
    /// Returns if reading or writing the bucket is possible: either permission is sufficient.
    func checkHealth() async throws
    var queries: any InfluxQueries { get }
}

extension InfluxInterface {
    func prepare() async throws {}

    /// Tries the first operation, and the second if the token may not perform it or cannot see the bucket. The error is
    /// the first's.
    func isPossible(_ reading: () async throws -> Void, or writing: () async throws -> Void) async throws {
        do {
            try await reading()
        } catch {
            let isForbidden = (error as? StoreError)?.kind == .unauthorized || error is MissingBucket
            guard isForbidden, (try? await writing()) != nil else { throw error }
        }
    }
}

/// The queries to a database, in one of its languages.
protocol InfluxQueries: Sendable {
    /// Returns the first samples in the order of time, the requested number or more, in any order. `offset` samples are
    /// skipped first; it is only passed with a limit and for a single series.
    func samples(_ filter: SampleFilter, limit: Int?, offset: Int) async throws -> InfluxSamples
    /// The number of samples per request, so that both sides can hold a response in memory; `nil` for all at once.
    var pageSize: Int? { get }
    /// Returns a time at or before that of the sample at an index in the order of time, and the number of samples
    /// before it. `nil` if that is not known without reading them.
    func place(of offset: Int, _ filter: SampleFilter) async throws -> (start: Int64, count: Int)?
    func count(_ filter: SampleFilter) async throws -> Int
    /// Returns the newest sample of every series. If its tags changed, a series may occur several times.
    func latest(_ filter: SampleFilter) async throws -> [GPUMetric]
    /// Returns the extent of every series, in parts if its tags changed.
    func extents(_ filter: SampleFilter) async throws -> [SeriesExtent]
    /// Returns `nil` if the language has no function with exactly this meaning.
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries]?
}

extension InfluxQueries {
    var pageSize: Int? { nil }
    func place(of offset: Int, _ filter: SampleFilter) async throws -> (start: Int64, count: Int)? { nil }
}

struct InfluxSamples: Sendable {
    var items: [GPUMetric] = []
    /// From this time on some samples are omitted because of the limit; those before are complete. `nil` if none are
    /// omitted.
    var cut: Int64?
}

struct SeriesExtent: Sendable {
    var metricName: String
    var uuid: String
    var count: Int
    var oldest: Int64
}

/// The bucket (in 1.x: database) is missing.
struct MissingBucket: Error {
    var error: StoreError
}

/// Creates samples from rows, and shares one ``MetricSeries`` among all rows with the same texts.
struct SeriesTable {
    private struct Key: Hashable {
        var metricName: ByteText
        var gpu: GPUIdentity
        var labels: ByteText
    }

    private var known: [Key: MetricSeries] = [:]

    /// `field` returns a column's text as it is stored; `nil` if there is none.
    mutating func series(metricName: String, _ field: (String) -> String?) throws -> MetricSeries {
        let key = Key(
            metricName: ByteText(metricName), gpu: GPUIdentity(stored: field),
            labels: ByteText(field("labels_raw") ?? ""))
        if let series = known[key] { return series }
        let series = MetricSeries(
            metricName: metricName, gpu: key.gpu, labels: try StoredLabels.labels(key.labels.string))
        known[key] = series
        return series
    }
}

extension GPUIdentity {
    init(stored field: (String) -> String?) {
        self.init { field($0.name).map(LineProtocolText.decoded) ?? "" }
    }
}
