import TelemetryKit

/// Keeps samples by their identity, and sorts them at each query.
actor ListStore: TelemetryStore {
    private var samples: [SampleCursor: GPUMetric] = [:]

    func write(_ batches: [MetricBatch]) {
        for sample in batches.flatMap(\.metrics) where sample.value.isFinite {
            samples[SampleCursor(sample)] = sample  // a second write replaces the first
        }
    }

    private func found(_ filter: SampleFilter) -> [GPUMetric] {
        samples.values.filter { filter.includes($0.series) && filter.includes($0.timestamp) }.sorted {
            SampleCursor($0) < SampleCursor($1)
        }
    }

    /// Identities are compared by their bytes: to `String`, é as one scalar and as two is the same.
    private func key(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func page<Item>(_ all: [Item], _ limit: Int?, _ offset: Int) -> Page<Item> {
        Page(items: Array(all.dropFirst(offset).prefix(limit ?? .max)), total: all.count)
    }

    func telemetry(_ query: TelemetryQuery) -> Page<GPUMetric> {
        let all = found(query.filter)
        let rest = all.filter { sample in query.after.map { $0 < SampleCursor(sample) } ?? true }
        return Page(items: page(rest, query.limit, query.offset).items, total: all.count)  // the total counts all pages
    }

    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) -> Page<GPUInfo> {
        let wanted = Set(found(filter).map { key($0.gpu.uuid) })
        var infos: [[UInt8]: GPUInfo] = [:]
        for sample in found(SampleFilter()) where wanted.contains(key(sample.gpu.uuid)) {
            var info =
                infos[key(sample.gpu.uuid)]
                ?? GPUInfo(identity: sample.gpu, firstSeen: sample.timestamp, lastSeen: sample.timestamp)
            if info.lastSeen < sample.timestamp {
                info.identity = sample.gpu  // the newest sample defines the GPU
                info.lastSeen = sample.timestamp
            }
            infos[key(sample.gpu.uuid)] = info
        }
        return page(infos.values.sorted { $0.identity.precedes($1.identity) }, limit, offset)
    }

    func metrics(uuid: String?) -> [MetricSummary] {
        let all = found(SampleFilter(uuids: uuid.map { [$0] } ?? []))
        return Dictionary(grouping: all) { key($0.metricName) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map
        { _, list in
            MetricSummary(
                name: list[0].metricName, sampleCount: list.count, gpuCount: Set(list.map { key($0.gpu.uuid) }).count)
        }
    }

    func statistics() -> StoreStatistics {
        let gpus = gpus(SampleFilter(), limit: .max, offset: 0).items
        let times = samples.keys.map(\.timestamp)
        return StoreStatistics(
            sampleCount: samples.count, gpuCount: gpus.count,
            metricCount: Set(samples.keys.map { key($0.metricName) }).count,
            hostCount: Set(gpus.map { key($0.identity.hostname) }).count, oldest: times.min(), newest: times.max())
    }

    func checkHealth() {}
    func close() {}
}
