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
        let found = samples.values.filter { sample in
            sample.gpu.uuid == query.uuid && (query.metricName == nil || sample.metricName == query.metricName)
                && (query.startTime == nil || sample.timestamp >= query.startTime!)
                && (query.endTime == nil || sample.timestamp <= query.endTime!)
        }
        .sorted { ($0.timestamp, $0.metricName) < ($1.timestamp, $1.metricName) }
        return (Array(found.dropFirst(query.offset).prefix(query.limit ?? .max)), found.count)
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
    func agreesWithModel(seed: UInt64, rounds: Int) async throws {
        var random = SeededRandom(seed: seed)
        var model = StoreModel()
        let table = (0..<6).flatMap { gpu in
            ["A", "B", "C"].flatMap { metric in
                // The workload changes from sample to sample, also when one is written again; what some databases hold as
                // tags stays the GPU's.
                ["p0", "p1", "p2"].map { pod in
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
