import TelemetryBase
import TelemetryModels

/// The queries. Their data are collected GPU by GPU, and read without a lock.
extension MemoryStore {
    public func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        let reader = FilterReader(self, filter)
        var check = CancellationCheck()
        let infos = try reader.gpus.compactMap { gpu -> GPUInfo? in
            try check.step()
            let snapshots = reader.snapshots(of: gpu, named: [], from: .min, through: .max)
            let isMeant =
                filter == SampleFilter() || snapshots.contains { reader.reader($0).map { $0.count > 0 } ?? false }
            return isMeant ? info(snapshots) : nil
        }
        return infos.sorted(by: StoreOrder.gpus).page(limit: limit, offset: offset)
    }

    /// The GPU with these series; `nil` if all their samples have expired.
    private func info(_ snapshots: [SeriesSnapshot]) -> GPUInfo? {
        let reader = FilterReader(self, SampleFilter())
        var newest: GPUMetric?
        var first = Int64.max
        for snapshot in snapshots {
            guard var samples = reader.reader(snapshot), samples.count > 0 else { continue }
            first = min(first, samples.time(at: 0))
            let last = samples.metric(at: samples.count - 1)
            // If several metrics are at the same time, the first by name determines the GPU.
            if let known = newest,
                (known.timestamp, ByteText(last.metricName)) > (last.timestamp, ByteText(known.metricName))
            {
                continue
            }
            newest = last
        }
        return newest.map {
            GPUInfo(identity: $0.gpu, firstSeen: Timestamp(nanoseconds: first), lastSeen: $0.timestamp)
        }
    }

    public func metrics(uuid: String?) async throws -> [MetricSummary] {
        var summaries: [ByteText: MetricSummary] = [:]
        for samples in try FilterReader(self, SampleFilter(uuids: uuid.map { [$0] } ?? [])).readers() {
            let name = ByteText(samples.metricName)
            summaries[name, default: MetricSummary(name: name.string, sampleCount: 0, gpuCount: 0)].sampleCount +=
                samples.count
            summaries[name]!.gpuCount += 1
        }
        return summaries.values.sorted { $0.name.precedes($1.name) }
    }

    public func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> {
        var merge = SeriesMerge(try FilterReader(self, query.filter).readers())
        let items = try merge.page(limit: query.limit ?? .max, offset: query.offset, after: query.after)
        return Page(items: items, total: query.countsTotal ? merge.total : items.count)
    }

    public func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        let reader = FilterReader(self, filter)
        var byName: [ByteText: [GPUMetric]] = [:]
        var check = CancellationCheck()
        for gpu in reader.gpus {
            try check.step()
            for latest in reader.latest(of: gpu) {
                switch latest {
                case .sample(let sample): byName[ByteText(sample.metricName), default: []].append(sample)
                case .among(let snapshot):
                    guard var samples = reader.reader(snapshot), samples.count > 0 else { continue }
                    byName[ByteText(snapshot.metricName), default: []].append(samples.metric(at: samples.count - 1))
                }
            }
        }
        return byName.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    public func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo> {
        let page = try FilterReader(self, filter).readers().page(limit: limit, offset: offset)
        let infos = page.items.map { samples in
            var samples = samples
            let last = samples.metric(at: samples.count - 1)
            return SeriesInfo(
                metricName: samples.metricName, identity: last.gpu, sampleCount: samples.count,
                firstSeen: Timestamp(nanoseconds: samples.time(at: 0)), lastSeen: last.timestamp)
        }
        return Page(items: infos, total: page.total)
    }

    /// The sizes of the store; examines every series, but only the first and the last of their samples.
    public func statistics() async throws -> StoreStatistics {
        let readers = try FilterReader(self, SampleFilter()).readers()
        var oldest = Int64.max
        var newest: [ByteText: GPUMetric] = [:]
        var check = CancellationCheck()
        for var samples in readers {
            try check.step()
            oldest = min(oldest, samples.time(at: 0))
            let last = samples.metric(at: samples.count - 1)
            // Ordered by name, so that of several metrics at one time the first is kept.
            let uuid = ByteText(samples.uuid)
            if newest[uuid].map({ $0.timestamp < last.timestamp }) ?? true { newest[uuid] = last }
        }
        return StoreStatistics(
            sampleCount: readers.reduce(0) { $0 + $1.count }, gpuCount: newest.count,
            metricCount: Set(readers.map { ByteText($0.metricName) }).count,
            hostCount: Set(newest.values.map { ByteText($0.gpu.hostname) }).count,
            oldest: readers.isEmpty ? nil : Timestamp(nanoseconds: oldest), newest: newest.values.map(\.timestamp).max()
        )
    }
}

/// Finds the samples that a filter includes.
struct FilterReader {
    private let store: MemoryStore
    private let filter: SampleFilter
    /// The parts of the filter that are evaluated per series: GPUs and metrics are looked up.
    private let condition: SampleFilter
    let names: Set<ByteText>
    let start: Int64
    let end: Int64

    init(_ store: MemoryStore, _ filter: SampleFilter) {
        self.store = store
        self.filter = filter
        condition = SampleFilter(hostnames: filter.hostnames, modelNames: filter.modelNames)
        names = Set(filter.metricNames.map(ByteText.init))
        start = max(filter.startTime?.nanoseconds ?? .min, store.floor.load(ordering: .acquiring))
        end = filter.endTime?.nanoseconds ?? .max
    }

    /// The GPUs that the filter names.
    var gpus: [GPUSeries] { store.directory.withLock { $0.withoutSlots }.gpus(filter) }

    func snapshots(of gpu: GPUSeries, named names: Set<ByteText>, from start: Int64, through end: Int64)
        -> [SeriesSnapshot]
    {
        let (snapshots, visited) = gpu.snapshots(names, from: start, through: end)
        store.seriesVisits.add(visited, ordering: .relaxed)
        return snapshots
    }

    func latest(of gpu: GPUSeries) -> [GPUSeries.Latest] {
        let (latest, visited) = gpu.latest(names, condition, from: start, through: end)
        store.seriesVisits.add(visited, ordering: .relaxed)
        return latest
    }

    /// Ordered by metric name, then uuid.
    func snapshots() throws -> [SeriesSnapshot] {
        guard start <= end else { return [] }
        let gpus = gpus
        if gpus.count == 1 {
            try Task.checkCancellation()
            return snapshots(of: gpus[0], named: names, from: start, through: end).sorted {
                $0.metricName.precedes($1.metricName)
            }
        }
        var byName: [ByteText: [SeriesSnapshot]] = [:]
        var check = CancellationCheck()
        for gpu in gpus {
            try check.step()
            for snapshot in snapshots(of: gpu, named: names, from: start, through: end) {
                byName[ByteText(snapshot.metricName), default: []].append(snapshot)
            }
        }
        return byName.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    /// The oldest time within the range. Must be determined when the snapshots are taken: everything freed before that
    /// is older than it.
    var oldest: Int64 { max(start, store.floor.load(ordering: .acquiring)) }

    /// `nil` if its name or times are outside the filter.
    func reader(_ snapshot: SeriesSnapshot) -> SeriesReader? {
        let oldest = oldest
        guard oldest <= end, names.isEmpty || names.contains(ByteText(snapshot.metricName)) else { return nil }
        return SeriesReader(snapshot, condition, from: oldest, through: end)
    }

    /// All series that have such samples, ordered by metric name, then uuid.
    func readers() throws -> [SeriesReader] {
        let snapshots = try snapshots()
        let oldest = oldest
        guard oldest <= end else { return [] }
        var check = CancellationCheck()
        return try snapshots.compactMap { snapshot in
            try check.step()
            let reader = SeriesReader(snapshot, condition, from: oldest, through: end)
            return reader.count > 0 ? reader : nil
        }
    }
}
