import TelemetryKit

/// Hands on to another store what every adapter must answer; the rest follows from that.
protocol ForwardingStore: TelemetryStore {
    var base: MemoryStore { get }
}

extension ForwardingStore {
    func write(_ batches: [MetricBatch]) async throws { try await base.write(batches) }
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        try await base.gpus(filter, limit: limit, offset: offset)
    }
    func metrics(uuid: String?) async throws -> [MetricSummary] { try await base.metrics(uuid: uuid) }
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> { try await base.telemetry(query) }
    func statistics() async throws -> StoreStatistics { try await base.statistics() }
    func checkHealth() async throws {}
    func close() async {}
}
