import TelemetryModels

/// Default implementations. These read every sample of the query; an adapter with a more efficient database query
/// implements its own.
extension TelemetryStore {
    /// Returns all GPUs that have samples, ordered by hostname, then numeric gpu id, then uuid.
    public func gpus(limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        try await gpus(SampleFilter(), limit: limit, offset: offset)
    }

    /// Returns `nil` if there are no samples of the GPU.
    public func gpu(uuid: String) async throws -> GPUInfo? {
        try await gpus(SampleFilter(uuids: [uuid]), limit: 1, offset: 0).items.first
    }

    public func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        var newest: [StoreOrder.SeriesKey: GPUMetric] = [:]
        try await forEachSample(filter) { newest[StoreOrder.SeriesKey($0)] = $0 }
        return newest.sorted { $0.key < $1.key }.map(\.value)
    }

    public func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo> {
        var infos: [StoreOrder.SeriesKey: SeriesInfo] = [:]
        try await forEachSample(filter) { sample in
            let key = StoreOrder.SeriesKey(sample)
            let first = infos[key]?.firstSeen ?? sample.timestamp
            infos[key] = SeriesInfo(
                metricName: sample.metricName, identity: sample.gpu, sampleCount: (infos[key]?.sampleCount ?? 0) + 1,
                firstSeen: first,
                lastSeen: sample.timestamp)
        }
        return infos.sorted { $0.key < $1.key }.map(\.value).page(limit: limit, offset: offset)
    }

    public func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries] {
        var aggregator = Aggregator(query)
        try await forEachSample(query.samples) {
            aggregator.add($0.gpu, time: $0.timestamp.nanoseconds, value: $0.value)
        }
        return aggregator.result()
    }

    /// In order, page by page.
    package func forEachSample(_ filter: SampleFilter, _ body: (GPUMetric) -> Void) async throws {
        var query = TelemetryQuery(filter, limit: 10_000, countsTotal: false)
        while true {
            try Task.checkCancellation()
            let page = try await telemetry(query).items
            page.forEach(body)
            guard page.count == query.limit, let last = page.last else { return }
            query.after = SampleCursor(last)
        }
    }
}
