import Foundation
import Synchronization
import TelemetryKit

/// A memory store with one fault, of a kind that adapters have had.
struct WrongStore: TelemetryStore {
    enum Fault: String, CaseIterable, Sendable {
        case losesASample, keepsDuplicates, doesNotReplace, ignoresHost, ignoresEnd, percentileBetween,
            windowsFromFirst, cursorByTime, cursorByCount
        case orderByName, orderAsWritten, totalOfPage, gpusByText, latestWithoutFilter, seriesOfAll, statisticsOfWrites,
            forgetsLabels, deafToHealth
        /// Takes canonically equivalent texts for one another, when it writes; when it asks.
        case normalizesTexts, filtersByString

        var brokenPromise: String {
            switch self {
            case .losesASample, .ignoresHost, .ignoresEnd, .cursorByTime, .cursorByCount, .orderByName, .orderAsWritten,
                .keepsDuplicates, .doesNotReplace,
                .forgetsLabels, .normalizesTexts, .filtersByString:
                "samples"
            case .percentileBetween: "p95"
            case .windowsFromFirst: "windows that begin at multiples"
            case .totalOfPage: "total counts all"
            case .gpusByText: "numeric gpu id"
            case .latestWithoutFilter: "the newest sample"
            case .seriesOfAll: "series"
            case .statisticsOfWrites: "statistics"
            case .deafToHealth: "healthy"
            }
        }
    }

    let fault: Fault
    private let base = MemoryStore()
    private let written = Written()

    private final class Written: Sendable {
        let samples = Mutex<[GPUMetric]>([])
        /// How many samples lay before the page that begins behind a cursor, when the page before it was read.
        let positions = Mutex<[SampleCursor: Int]>([:])
    }

    init(fault: Fault) { self.fault = fault }

    func write(_ batches: [MetricBatch]) async throws {
        written.samples.withLock { $0 += batches.flatMap(\.metrics) }
        var batches = batches
        switch fault {
        case .losesASample:
            batches = batches.map { batch in
                copy(batch, batch.metrics.enumerated().filter { $0.offset != 99 }.map(\.element))
            }
        case .doesNotReplace:
            for (i, batch) in batches.enumerated() {
                var new: [GPUMetric] = []
                for sample in batch.metrics {
                    let at = TelemetryQuery(
                        uuid: sample.gpu.uuid, metricName: sample.metricName, startTime: sample.timestamp,
                        endTime: sample.timestamp)
                    if try await base.telemetry(at).total == 0 { new.append(sample) }
                }
                batches[i] = copy(batch, new)
            }
        case .forgetsLabels:
            batches = batches.map { batch in
                copy(
                    batch,
                    batch.metrics.map {
                        GPUMetric(
                            timestamp: $0.timestamp, value: $0.value,
                            series: MetricSeries(metricName: $0.metricName, gpu: $0.gpu))
                    })
            }
        case .normalizesTexts:
            batches = batches.map { batch in copy(batch, batch.metrics.map(normalized)) }
        default: break
        }
        try await base.write(batches)
    }

    private func normalized(_ sample: GPUMetric) -> GPUMetric {
        var gpu = sample.gpu
        gpu.uuid = gpu.uuid.precomposedStringWithCanonicalMapping
        return GPUMetric(
            timestamp: sample.timestamp, value: sample.value,
            series: MetricSeries(metricName: sample.metricName, gpu: gpu, labels: sample.labels))
    }

    private func copy(_ batch: MetricBatch, _ metrics: [GPUMetric]) -> MetricBatch {
        MetricBatch(batchID: batch.batchID, source: batch.source, collectedAt: batch.collectedAt, metrics: metrics)
    }

    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        guard fault == .gpusByText else { return try await base.gpus(filter, limit: limit, offset: offset) }
        let all = try await base.gpus(filter, limit: .max, offset: 0)
        let sorted = all.items.sorted {
            ($0.identity.hostname, $0.identity.gpuID) < ($1.identity.hostname, $1.identity.gpuID)
        }
        return Page(items: Array(sorted.dropFirst(offset).prefix(limit)), total: all.total)
    }

    func metrics(uuid: String?) async throws -> [MetricSummary] { try await base.metrics(uuid: uuid) }

    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> {
        var query = query
        switch fault {
        case .ignoresHost: query.filter.hostnames = []
        case .filtersByString:
            // As `String` compares.
            let wanted = query.filter.uuids
            query.filter.uuids = []
            let all = try await base.telemetry(TelemetryQuery(query.filter, after: query.after)).items
                .filter { wanted.isEmpty || wanted.contains($0.gpu.uuid) }
            return Page(items: Array(all.dropFirst(query.offset).prefix(query.limit ?? .max)), total: all.count)
        case .ignoresEnd: query.filter.endTime = nil
        case .cursorByTime:
            // As if no two samples had the same time.
            if let after = query.after {
                query.after = nil
                query.filter.startTime = max(
                    query.filter.startTime ?? after.timestamp, Timestamp(nanoseconds: after.timestamp.nanoseconds + 1))
            }
        case .cursorByCount:
            if let after = query.after {
                query.offset += written.positions.withLock { $0[after] } ?? 0
                query.after = nil
            }
        default: break
        }
        var page = try await base.telemetry(query)
        switch fault {
        case .cursorByCount:
            if let last = page.items.last {
                written.positions.withLock { $0[SampleCursor(last)] = query.offset + page.items.count }
            }
        case .orderByName: page.items.sort { ($0.metricName, $0.timestamp) < ($1.metricName, $1.timestamp) }
        case .orderAsWritten:
            let order = written.samples.withLock {
                Dictionary($0.enumerated().map { (SampleCursor($1), $0) }, uniquingKeysWith: { first, _ in first })
            }
            page.items.sort { order[SampleCursor($0)] ?? 0 < order[SampleCursor($1)] ?? 0 }
        case .totalOfPage: page.total = page.items.count
        case .keepsDuplicates:
            let counts = written.samples.withLock { Dictionary($0.map { (SampleCursor($0), 1) }, uniquingKeysWith: +) }
            page.items = page.items.flatMap { Array(repeating: $0, count: counts[SampleCursor($0)] ?? 1) }
        default: break
        }
        return page
    }

    func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        guard fault == .latestWithoutFilter else { return try await base.latest(filter) }
        // The newest of all, if the filter includes it: what an index of newest samples gives.
        return try await base.latest(SampleFilter()).filter {
            filter.includes($0.series) && filter.includes($0.timestamp)
        }
    }

    func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo> {
        guard fault == .seriesOfAll else { return try await base.series(filter, limit: limit, offset: offset) }
        var all = filter
        (all.startTime, all.endTime) = (nil, nil)
        return try await base.series(all, limit: limit, offset: offset)
    }

    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries] {
        var list = try await base.aggregate(query)
        switch (fault, query.function) {
        case (.percentileBetween, .p95):
            // What PromQL and SQL's percentile_cont do.
            let low = try await base.aggregate(
                AggregateQuery(
                    metricName: query.metricName, filter: query.filter, function: .min, window: query.window,
                    grouping: query.grouping))
            for (i, series) in list.enumerated() {
                for j in series.points.indices {
                    list[i].points[j].value = 0.95 * series.points[j].value + 0.05 * low[i].points[j].value
                }
            }
        case (.windowsFromFirst, _):
            for (i, series) in list.enumerated() {
                for j in series.points.indices {
                    list[i].points[j].time = Timestamp(nanoseconds: series.points[j].time.nanoseconds + 1)
                }
            }
        default: break
        }
        return list
    }

    func statistics() async throws -> StoreStatistics {
        var statistics = try await base.statistics()
        if fault == .statisticsOfWrites { statistics.sampleCount = written.samples.withLock { $0.count } }
        return statistics
    }

    func checkHealth() async throws {
        if fault == .deafToHealth { throw StoreError(.unavailable, "no answer") }
    }

    func close() async {}
}

/// A memory store that keeps times and values no finer than it is told.
struct CoarseStore: ForwardingStore {
    var digits = 17
    let base = MemoryStore()

    init(digits: Int = 17) { self.digits = digits }

    func write(_ batches: [MetricBatch]) async throws {
        try await base.write(
            batches.map { batch in
                MetricBatch(
                    batchID: batch.batchID, source: batch.source, collectedAt: batch.collectedAt,
                    metrics: batch.metrics.map { sample in
                        var sample = sample
                        let rest = sample.timestamp.nanoseconds % 1_000_000
                        sample.timestamp = Timestamp(
                            nanoseconds: sample.timestamp.nanoseconds - (rest < 0 ? rest + 1_000_000 : rest))
                        if digits < 17, sample.value.isFinite, sample.value != 0 {
                            sample.value = Double(Float(sample.value))
                        }
                        return sample
                    })
            })
    }
}

/// A store that takes samples and answers nothing.
struct ThrowingStore: TelemetryStore {
    private var failure: StoreError { StoreError(.unavailable, "out of order") }

    func write(_ batches: [MetricBatch]) async throws {}
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> { throw failure }
    func metrics(uuid: String?) async throws -> [MetricSummary] { throw failure }
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> { throw failure }
    func statistics() async throws -> StoreStatistics { throw failure }
    func checkHealth() async throws { throw failure }
    func close() async {}
}

/// What stands for a database that outlives its stores: samples by name, and whether the next write breaks.
final class TestDisk: Sendable {
    let samples = Mutex<[GPUMetric]>([])
    let breaksNextWrite = Mutex(false)
}

/// A store with a disk of its own, read when it opens, that may have one fault.
struct DiskStore: ForwardingStore {
    enum Fault: String, CaseIterable, Sendable {
        /// Opens empty.
        case losesAllOnReopening
        /// Keeps on disk only what the last write brought.
        case losesEarlierWrites
        /// Reports a write that broke as stored.
        case hidesFailure
        /// After a write that broke, takes its batches for stored when they come again.
        case keepsHalf
    }

    let base = MemoryStore()
    let disk: TestDisk
    let fault: Fault?
    private let broken = Flags()

    private final class Flags: Sendable {
        let batchIDs = Mutex<Set<String>>([])
    }

    init(_ disk: TestDisk, fault: Fault? = nil) async throws {
        self.disk = disk
        self.fault = fault
        if fault != .losesAllOnReopening { try await base.write([Self.batch(disk.samples.withLock { $0 })]) }
    }

    private static func batch(_ samples: [GPUMetric]) -> MetricBatch {
        MetricBatch(batchID: "disk", source: "disk", collectedAt: Timestamp(nanoseconds: 0), metrics: samples)
    }

    func write(_ batches: [MetricBatch]) async throws {
        let breaks = disk.breaksNextWrite.withLock { breaks in
            defer { breaks = false }
            return breaks
        }
        if fault == .keepsHalf {
            let isKnown = broken.batchIDs.withLock { known in batches.allSatisfy { known.contains($0.batchID) } }
            if isKnown, !batches.isEmpty { return }
        }
        let taken = breaks ? Array(batches.prefix(batches.count / 2)) : batches
        disk.samples.withLock { $0 = (fault == .losesEarlierWrites ? [] : $0) + taken.flatMap(\.metrics) }
        try await base.write(taken)
        guard breaks, fault != .hidesFailure else { return }
        broken.batchIDs.withLock { $0.formUnion(batches.map(\.batchID)) }
        throw StoreError(.unavailable, "the disk broke")
    }
}
