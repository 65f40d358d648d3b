import TelemetryModels
import TelemetryNet
import TelemetryStores

/// The HTTP interface of one generation of InfluxDB, as far as ``InfluxDBStore`` needs it.
protocol InfluxInterface: Sendable {
    /// What must be done before the first write; nothing where a write to a bucket that is missing fails.
    func prepare() async throws
    /// Creates the bucket or database. Throws what the database says, also if there is one already.
    func create() async throws
    /// Stores lines of line protocol with times in nanoseconds. Returns `nil` where all are stored or older than the retention period;
    /// where the database refuses some, none needs to be.
    func write(_ lines: [UInt8]) async throws -> WriteRefusal?
    /// Returns if reading or writing the bucket is possible: either right is enough.
    func checkHealth() async throws
    var queries: any InfluxQueries { get }
}

extension InfluxInterface {
    func prepare() async throws {}

    /// Tries the one, and the other if the token may not do it or does not see the bucket. The error is the first's.
    func isPossible(_ reading: () async throws -> Void, or writing: () async throws -> Void) async throws {
        do {
            try await reading()
        } catch {
            let isForbidden = (error as? StoreError)?.kind == .unauthorized || error is MissingBucket
            guard isForbidden, (try? await writing()) != nil else { throw error }
        }
    }
}

/// What is asked of a database, in one of its languages.
protocol InfluxQueries: Sendable {
    /// The first samples in the order of time, as many as asked for or more; themselves in any order. `offset` samples are
    /// skipped first; it is only given with a limit and where one series is asked for.
    func samples(_ filter: SampleFilter, limit: Int?, offset: Int) async throws -> InfluxSamples
    /// How many samples are asked for in one request, so that a response stays of a size that both sides can hold;
    /// `nil`: all at once.
    var pageSize: Int? { get }
    /// A time at or before that of the sample at a position in the order of time, and how many samples lie before it.
    /// `nil`: not known without reading them.
    func place(of offset: Int, _ filter: SampleFilter) async throws -> (start: Int64, count: Int)?
    func count(_ filter: SampleFilter) async throws -> Int
    /// The newest sample of every series. Where its tags changed, a series may be there several times.
    func latest(_ filter: SampleFilter) async throws -> [GPUMetric]
    /// The extent of every series, in parts where its tags changed.
    func extents(_ filter: SampleFilter) async throws -> [SeriesExtent]
    /// `nil` where the language has no function of exactly this meaning.
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries]?
}

extension InfluxQueries {
    var pageSize: Int? { nil }
    func place(of offset: Int, _ filter: SampleFilter) async throws -> (start: Int64, count: Int)? { nil }
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
        self.init { field($0.name).map(LineProtocolText.decoded) ?? "" }
    }
}
