import TelemetryKit
import Testing

/// The plainest store there can be: every answer is computed from a list of all samples.
struct StoreModel {
    private struct Key: Hashable {
        var metric: String
        var uuid: String
        var time: Int64
    }

    private var samples: [Key: GPUMetric] = [:]

    mutating func write(_ batch: MetricBatch) {
        for metric in batch.metrics {
            samples[Key(metric: metric.metricName, uuid: metric.gpu.uuid, time: metric.timestamp.nanoseconds)] = metric
        }
    }

    var gpus: [GPUInfo] {
        Dictionary(grouping: samples.values, by: \.gpu.uuid).values.map { list in
            let last = list.map(\.timestamp).max()!
            let newest = list.filter { $0.timestamp == last }.min { $0.metricName < $1.metricName }!
            return GPUInfo(identity: newest.gpu, firstSeen: list.map(\.timestamp).min()!, lastSeen: last)
        }
        .sorted {
            ($0.identity.hostname, Int($0.identity.gpuID)!, $0.identity.uuid) < ($1.identity.hostname, Int($1.identity.gpuID)!, $1.identity.uuid)
        }
    }

    func metrics(uuid: String?) -> [MetricSummary] {
        Dictionary(grouping: samples.values.filter { uuid == nil || $0.gpu.uuid == uuid }, by: \.metricName).map { name, list in
            MetricSummary(name: name, sampleCount: list.count, gpuCount: Set(list.map(\.gpu.uuid)).count)
        }
        .sorted { $0.name < $1.name }
    }

    func telemetry(_ query: TelemetryQuery) -> (items: [GPUMetric], total: Int) {
        let found = samples.values.filter { query.filter.includes($0.series) && query.filter.includes($0.timestamp) }
            .sorted { ($0.timestamp, $0.metricName, $0.gpu.uuid) < ($1.timestamp, $1.metricName, $1.gpu.uuid) }
        let behind = found.filter { sample in query.after.map { SampleCursor(sample) > $0 } ?? true }
        return (Array(behind.dropFirst(query.offset).prefix(query.limit ?? .max)), found.count)
    }

    private func found(_ filter: SampleFilter) -> [GPUMetric] {
        samples.values.filter { filter.includes($0.series) && filter.includes($0.timestamp) }.sorted { SampleCursor($0) < SampleCursor($1) }
    }

    private func bySeries(_ filter: SampleFilter) -> [[GPUMetric]] {
        Dictionary(grouping: found(filter)) { [$0.metricName, $0.gpu.uuid] }.sorted { ($0.key[0], $0.key[1]) < ($1.key[0], $1.key[1]) }
            .map(\.value)
    }

    func gpus(_ filter: SampleFilter) -> [GPUInfo] {
        let uuids = Set(found(filter).map(\.gpu.uuid))
        return gpus.filter { uuids.contains($0.identity.uuid) }
    }

    func latest(_ filter: SampleFilter) -> [GPUMetric] { bySeries(filter).map { $0.last! } }

    func series(_ filter: SampleFilter) -> [SeriesInfo] {
        bySeries(filter).map { list in
            SeriesInfo(
                metricName: list[0].metricName, identity: list.last!.gpu, sampleCount: list.count, firstSeen: list[0].timestamp,
                lastSeen: list.last!.timestamp)
        }
    }

    func aggregate(_ query: AggregateQuery) -> [AggregateSeries] {
        var filter = query.filter
        filter.metricNames = [query.metricName]
        let window = Int64(query.window / .nanoseconds(1))
        func group(_ gpu: GPUIdentity) -> String { query.grouping == .gpu ? gpu.uuid : query.grouping == .host ? gpu.hostname : "" }
        return Dictionary(grouping: found(filter)) { group($0.gpu) }.sorted { $0.key < $1.key }.map { name, list in
            let windows = Dictionary(grouping: list) { Int64((Double($0.timestamp.nanoseconds - StoreConformance.start) / Double(window)).rounded(.down)) }
            return AggregateSeries(
                group: name,
                points: windows.sorted { $0.key < $1.key }.map { number, samples in
                    let values = samples.map(\.value).sorted()
                    func rank(_ p: Double) -> Double { values[max(1, Int((p * Double(values.count) + 0.5).rounded(.down))) - 1] }
                    let value =
                        switch query.function {
                        case .avg: values.reduce(0, +) / Double(values.count)
                        case .sum: values.reduce(0, +)
                        case .min: values.first!
                        case .max: values.last!
                        case .count: Double(values.count)
                        case .p50: rank(0.5)
                        case .p95: rank(0.95)
                        case .p99: rank(0.99)
                        }
                    return AggregateSeries.Point(time: Timestamp(nanoseconds: StoreConformance.start + number * window), value: value)
                })
        }
    }

    var statistics: StoreStatistics {
        StoreStatistics(
            sampleCount: samples.count, gpuCount: gpus.count, metricCount: metrics(uuid: nil).count,
            hostCount: Set(gpus.map(\.identity.hostname)).count, oldest: samples.values.map(\.timestamp).min(),
            newest: samples.values.map(\.timestamp).max())
    }
}

extension StoreConformance {
    /// Writes and asks at random, and compares every answer with the model's. The store must be empty.
    func agreesWithModel(seed: UInt64, rounds: Int, workloads: [String] = ["p0", "p1", "p2"]) async throws {
        var random = SeededRandom(seed: seed)
        var model = StoreModel()
        let table = (0..<6).flatMap { gpu in
            ["A", "B", "C"].flatMap { metric in
                // The workload changes from sample to sample, also when one is written again; what some databases hold as
                // tags stays the GPU's.
                workloads.map { pod in
                    Self.series(
                        metric, gpu: "GPU-\(gpu)", id: "\(gpu * 5)", host: "host-\(gpu % 2)", pod: pod,
                        labels: [MetricLabel(name: "pod", value: pod)])
                }
            }
        }
        let span: Int64 = 300
        for round in 0..<rounds {
            var samples: [(MetricSeries, Int64, Double)] = []
            for _ in 0..<Int.random(in: 0...200, using: &random) {
                let series = table.randomElement(using: &random)!
                let time = Int64.random(in: 0..<span, using: &random)
                samples.append((series, time, Double(Int.random(in: -50...50, using: &random)) / 8))
            }
            let batch = Self.batch(samples)
            model.write(batch)
            try await store.write(round % 3 == 0 ? [batch, batch] : [batch])

            #expect(try await store.statistics() == model.statistics)
            #expect(try await store.gpus(limit: 4, offset: round % 4).items == Array(model.gpus.dropFirst(round % 4).prefix(4)))
            let uuid = "GPU-\(Int.random(in: 0..<7, using: &random))"
            #expect(try await store.gpu(uuid: uuid) == model.gpus.first { $0.identity.uuid == uuid })
            #expect(try await store.metrics(uuid: uuid) == model.metrics(uuid: uuid))
            #expect(try await store.metrics(uuid: nil) == model.metrics(uuid: nil))
            func time() -> Timestamp? {
                Bool.random(using: &random) ? nil : Timestamp(nanoseconds: Self.start + Int64.random(in: -10..<span + 10, using: &random))
            }
            func some(_ texts: [String]) -> [String] { texts.filter { _ in Int.random(in: 0..<3, using: &random) == 0 } }
            let filter = SampleFilter(
                metricNames: some(["A", "B", "C", "none"]), uuids: some((0..<7).map { "GPU-\($0)" }), hostnames: some(["host-0", "host-1", "none"]),
                modelNames: some(["NVIDIA H100 80GB HBM3", "none"]), startTime: time(), endTime: time())
            let note: Comment = "seed \(seed) round \(round): \(String(describing: filter))"
            #expect(try await store.gpus(filter, limit: 3, offset: 1).items == Array(model.gpus(filter).dropFirst(1).prefix(3)), note)
            #expect(try await store.latest(filter) == model.latest(filter), note)
            let series = try await store.series(filter, limit: 5, offset: 2)
            #expect(series.items == Array(model.series(filter).dropFirst(2).prefix(5)) && series.total == model.series(filter).count, note)
            for function in AggregateQuery.Function.allCases {
                // Values are eighths, so that sums do not depend on their order. The start is a multiple of every window.
                let query = AggregateQuery(
                    metricName: "A", filter: filter, function: function, window: .microseconds([1, 1000].randomElement(using: &random)!),
                    grouping: .allCases.randomElement(using: &random)!)
                #expect(try await store.aggregate(query) == model.aggregate(query), note)
            }
            // Page by page by cursor, while more arrives than is asked for.
            var paged = TelemetryQuery(filter, limit: 37)
            var items: [GPUMetric] = []
            while true {
                let page = try await store.telemetry(paged)
                items += page.items
                #expect(page.total == model.telemetry(paged).total, note)
                guard page.items.count == 37, let last = page.items.last else { break }
                paged.after = SampleCursor(last)
            }
            #expect(items == model.telemetry(TelemetryQuery(filter)).items, note)
            // By offset, across GPUs whose samples have the same times.
            let some = TelemetryQuery(filter, limit: 7, offset: Int.random(in: 0..<40, using: &random))
            #expect(try await store.telemetry(some).items == model.telemetry(some).items, note)
            let query = TelemetryQuery(
                uuid: uuid, metricName: [nil, "A", "C", "none"].randomElement(using: &random)!, startTime: time(), endTime: time(),
                limit: [nil, 0, 1, 10, 500].randomElement(using: &random)!, offset: [0, 1, 20, 300].randomElement(using: &random)!)
            let page = try await store.telemetry(query)
            let wanted = model.telemetry(query)
            #expect(page.items == wanted.items, "seed \(seed) round \(round): \(query)")
            #expect(page.total == wanted.total, "seed \(seed) round \(round): \(query)")
        }
    }
}
