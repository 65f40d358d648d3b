import TelemetryBase
import TelemetryModels
import TelemetryStores

extension InfluxDBStore {
    private func ask<Value: Sendable>(_ body: @Sendable (any InfluxQueries) async throws -> Value) async throws -> Value
    {
        try await withInterface { try await body($0.queries) }
    }

    public func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> {
        try await ask { try await $0.telemetry(query) }
    }

    public func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        var newest: [StoreOrder.SeriesKey: GPUMetric] = [:]
        for sample in try await ask({ try await $0.latest(filter) }) {
            let key = StoreOrder.SeriesKey(sample)
            if let known = newest[key], known.timestamp >= sample.timestamp { continue }
            newest[key] = sample
        }
        return newest.sorted { $0.key < $1.key }.map(\.value)
    }

    public func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo> {
        async let extents = extents(filter)
        let newest = try await latest(filter)
        let known = try await extents
        // Samples that arrived between the two are in neither.
        let infos = newest.compactMap { sample in
            known[StoreOrder.SeriesKey(sample)].map { extent in
                SeriesInfo(
                    metricName: sample.metricName, identity: sample.gpu, sampleCount: extent.count,
                    firstSeen: Timestamp(nanoseconds: min(extent.oldest, sample.timestamp.nanoseconds)),
                    lastSeen: sample.timestamp)
            }
        }
        return infos.page(limit: limit, offset: offset)
    }

    public func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries] {
        if let series = try await ask({ try await $0.aggregate(query) }) { return series }
        var aggregator = Aggregator(query)
        try await forEachSample(query.samples) {
            aggregator.add($0.gpu, time: $0.timestamp.nanoseconds, value: $0.value)
        }
        return aggregator.result()
    }

    private func extents(_ filter: SampleFilter) async throws -> [StoreOrder.SeriesKey: SeriesExtent] {
        var extents: [StoreOrder.SeriesKey: SeriesExtent] = [:]
        for part in try await ask({ try await $0.extents(filter) }) {
            let key = StoreOrder.SeriesKey(metricName: part.metricName, uuid: part.uuid)
            guard let known = extents[key] else {
                extents[key] = part
                continue
            }
            extents[key]!.count = known.count.addingClamped(part.count)
            extents[key]!.oldest = min(known.oldest, part.oldest)
        }
        return extents.filter { $0.value.count > 0 }
    }

    // MARK: GPUs and metrics

    public func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        let uuids = SampleFilter(uuids: filter.uuids)
        var infos = try await infos(uuids)
        if filter != uuids {
            let found = Set(try await latest(filter).map { ByteText($0.gpu.uuid) })
            infos.removeAll { !found.contains(ByteText($0.identity.uuid)) }
        }
        return infos.sorted(by: StoreOrder.gpus).page(limit: limit, offset: offset)
    }

    /// The GPU as its newest sample gives it.
    private func infos(_ uuids: SampleFilter) async throws -> [GPUInfo] {
        async let extents = extents(uuids)
        var newest: [ByteText: GPUMetric] = [:]
        // Ordered by metric name; the first counts.
        for sample in try await latest(uuids) {
            if let known = newest[ByteText(sample.gpu.uuid)], known.timestamp >= sample.timestamp { continue }
            newest[ByteText(sample.gpu.uuid)] = sample
        }
        var oldest: [ByteText: Int64] = [:]
        for extent in try await extents.values {
            oldest[ByteText(extent.uuid)] = min(oldest[ByteText(extent.uuid)] ?? .max, extent.oldest)
        }
        return newest.values.map { sample in
            let last = sample.timestamp
            return GPUInfo(
                identity: sample.gpu,
                firstSeen: min(oldest[ByteText(sample.gpu.uuid)].map { Timestamp(nanoseconds: $0) } ?? last, last),
                lastSeen: last)
        }
    }

    public func metrics(uuid: String?) async throws -> [MetricSummary] {
        Self.summaries(try await extents(SampleFilter(uuids: uuid.map { [$0] } ?? [])))
    }

    private static func summaries(_ extents: [StoreOrder.SeriesKey: SeriesExtent]) -> [MetricSummary] {
        Dictionary(grouping: extents.values) { ByteText($0.metricName) }
            .map {
                MetricSummary(
                    name: $0.string, sampleCount: $1.reduce(0) { $0.addingClamped($1.count) }, gpuCount: $1.count)
            }
            .sorted { $0.name.precedes($1.name) }
    }

    /// Uses several queries: counts by the database, GPUs from their newest samples.
    public func statistics() async throws -> StoreStatistics {
        async let extents = extents(SampleFilter())
        let gpus = try await infos(SampleFilter())
        let summaries = Self.summaries(try await extents)
        return StoreStatistics(
            sampleCount: summaries.reduce(0) { $0.addingClamped($1.sampleCount) }, gpuCount: gpus.count,
            metricCount: summaries.count,
            hostCount: Set(gpus.map { ByteText($0.identity.hostname) }).count, oldest: gpus.map(\.firstSeen).min(),
            newest: gpus.map(\.lastSeen).max())
    }
}
