import ExampleSupport
import TelemetryKit

/// The store that STORAGE names.
struct Database: TelemetryStore {
    /// Where samples are written to, for messages.
    let url: String
    private let store: any TelemetryStore

    init(_ context: Program.Context) throws {
        switch context[Options.storage] {
        case .influxdb:
            var database = InfluxDBStore.Configuration(url: context[InfluxDBOptions.url])
            database.token = context[InfluxDBOptions.token]
            database.org = context[InfluxDBOptions.org]
            database.bucket = context[InfluxDBOptions.bucket]
            database.retentionPeriod = context[Options.retention]
            url = database.url
            store = try InfluxDBStore(configuration: database)
        case .victoriametrics:
            var database = VictoriaMetricsStore.Configuration(url: context[VictoriaMetricsOptions.url])
            database.writeURL = context[VictoriaMetricsOptions.writeURL] ?? database.writeURL
            database.readURL = context[VictoriaMetricsOptions.readURL] ?? database.readURL
            database.token = context[VictoriaMetricsOptions.token]
            database.database = context[VictoriaMetricsOptions.database]
            url = database.writeURL
            store = try VictoriaMetricsStore(configuration: database)
        }
    }

    func write(_ batches: [MetricBatch]) async throws { try await store.write(batches) }
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        try await store.gpus(filter, limit: limit, offset: offset)
    }
    func metrics(uuid: String?) async throws -> [MetricSummary] { try await store.metrics(uuid: uuid) }
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> { try await store.telemetry(query) }
    func statistics() async throws -> StoreStatistics { try await store.statistics() }
    func checkHealth() async throws { try await store.checkHealth() }
    func close() async { await store.close() }
}
