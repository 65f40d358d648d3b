import Foundation
import TelemetryKit
import Testing

/// What every adapter of ``TelemetryStore`` promises. Each check takes an empty store.
struct StoreConformance {
    let store: any TelemetryStore

    static let start: Int64 = 1_752_871_354_000_000_000

    static func series(
        _ metric: String = "UTIL", gpu: String = "GPU-a", id: String = "0", host: String = "host-1", pod: String = "",
        labels: [MetricLabel] = []
    ) -> MetricSeries {
        MetricSeries(
            metricName: metric,
            gpu: GPUIdentity(
                gpuID: id, device: "nvidia" + id, uuid: gpu, modelName: "NVIDIA H100 80GB HBM3", hostname: host,
                container: pod.isEmpty ? "" : "main", pod: pod, namespace: pod.isEmpty ? "" : "ml"),
            labels: labels)
    }

    static func batch(_ samples: [(MetricSeries, Int64, Double)]) -> MetricBatch {
        MetricBatch(
            batchID: "b", source: "test", collectedAt: Timestamp(nanoseconds: start),
            metrics: samples.map { GPUMetric(timestamp: Timestamp(nanoseconds: start + $0.1), value: $0.2, series: $0.0) })
    }

    func write(_ samples: [(MetricSeries, Int64, Double)]) async throws {
        try await store.write([Self.batch(samples)])
    }

    func all(_ uuid: String = "GPU-a", metric: String? = nil) async throws -> [GPUMetric] {
        try await store.telemetry(TelemetryQuery(uuid: uuid, metricName: metric)).items
    }

    func run() async throws {
        try await empty()
        try await identityAndValuesSurvive()
        try await redelivery()
        try await outOfOrder()
        try await pagesAndRanges()
        try await listsAndCounts()
        try await hostileTexts()
    }

    private func empty() async throws {
        #expect(try await store.gpus(limit: 10, offset: 0).total == 0)
        #expect(try await store.gpu(uuid: "none") == nil)
        #expect(try await store.metrics(uuid: nil).isEmpty)
        #expect(try await store.metrics(uuid: "none").isEmpty)
        let page = try await store.telemetry(TelemetryQuery(uuid: "none"))
        #expect(page.items.isEmpty && page.total == 0)
        #expect(try await store.statistics() == StoreStatistics(
            sampleCount: 0, gpuCount: 0, metricCount: 0, hostCount: 0, oldest: nil, newest: nil))
        try await store.checkHealth()
        try await store.write([])
        try await write([])
    }

    private func identityAndValuesSurvive() async throws {
        let labels = [
            MetricLabel(name: "job", value: "dgx,\"x\"\\ \n=é"), MetricLabel(name: "a", value: ""), MetricLabel(name: "odd name\"", value: "{}"),
        ]
        let plain = Self.series("EXACT", gpu: "GPU-exact")
        let rich = Self.series("RICH", gpu: "GPU-exact", pod: "train-0", labels: labels)
        let values: [Double] = [0, -0.5, 0.1, 97, 1e300, .leastNonzeroMagnitude, -.greatestFiniteMagnitude, 9_007_199_254_740_994, 123456.789, 1 / 3.0]
        try await write(values.enumerated().map { (plain, Int64($0), $1) } + [(rich, 123_456_789, 1)])
        let exact = try await all("GPU-exact", metric: "EXACT")
        #expect(exact.map(\.value) == values)
        #expect(exact.map(\.timestamp.nanoseconds) == values.indices.map { Self.start + Int64($0) })
        #expect(exact.allSatisfy { $0.series == plain })
        let read = try await all("GPU-exact", metric: "RICH")
        #expect(read.map(\.series) == [rich])
        #expect(read.map(\.timestamp.nanoseconds) == [Self.start + 123_456_789])
    }

    private func redelivery() async throws {
        let series = Self.series("REDELIVERED", gpu: "GPU-r")
        let samples = (0..<100).map { (series, Int64($0) * 1_000_000_000, Double($0)) }
        try await write(samples)
        try await store.write([Self.batch(samples), Self.batch(samples)])
        #expect(try await all("GPU-r").map(\.value) == samples.map(\.2))
        try await write([(series, 5_000_000_000, -1)])
        let read = try await all("GPU-r")
        #expect(read.count == 100)
        #expect(read[5].value == -1)
        #expect(try await store.metrics(uuid: "GPU-r") == [MetricSummary(name: "REDELIVERED", sampleCount: 100, gpuCount: 1)])
        try await write([(series, 200_000_000_000, .nan), (series, 201_000_000_000, .infinity)])
        #expect(try await all("GPU-r").count == 100)
    }

    private func outOfOrder() async throws {
        var random = SeededRandom(seed: 7)
        let series = Self.series("SHUFFLED", gpu: "GPU-s")
        let order = (0..<3000).shuffled(using: &random)
        for part in stride(from: 0, to: order.count, by: 500) {
            try await write(order[part..<part + 500].map { (series, Int64($0) * 1000, Double($0)) })
        }
        #expect(try await all("GPU-s").map(\.value) == (0..<3000).map(Double.init))
        let info = try #require(try await store.gpu(uuid: "GPU-s"))
        #expect(info.firstSeen.nanoseconds == Self.start)
        #expect(info.lastSeen.nanoseconds == Self.start + 2_999_000)
    }

    private func pagesAndRanges() async throws {
        let names = ["P_A", "P_B", "P_C"]
        let list = names.map { Self.series($0, gpu: "GPU-p") }
        // One series has gaps, so that the merge does not run in step.
        try await write((0..<50).flatMap { tick in
            list.enumerated().filter { $0.offset != 1 || tick % 3 == 0 }
                .map { ($0.element, Int64(tick) * 1_000_000_000, Double(tick * 10 + $0.offset)) }
        })
        let everything = try await all("GPU-p")
        #expect(everything.count == 50 + 17 + 50)
        #expect(everything == everything.sorted { ($0.timestamp, $0.metricName) < ($1.timestamp, $1.metricName) })
        for metric in [nil, "P_A", "P_B"] {
            for range in [(nil, nil), (10, 20), (nil, 7), (45, nil), (20, 10), (60, nil), (-5, -1)] as [(Int?, Int?)] {
                func time(_ second: Int?) -> Timestamp? { second.map { Timestamp(nanoseconds: Self.start + Int64($0) * 1_000_000_000) } }
                let (from, to) = (time(range.0), time(range.1))
                let expected = everything.filter {
                    (metric == nil || $0.metricName == metric) && (from == nil || $0.timestamp >= from!) && (to == nil || $0.timestamp <= to!)
                }
                for (limit, offset) in [(nil, 0), (5, 0), (5, 3), (7, 40), (0, 0), (1000, 0), (10, 1000), (nil, 4)] as [(Int?, Int)] {
                    let page = try await store.telemetry(TelemetryQuery(
                        uuid: "GPU-p", metricName: metric, startTime: from, endTime: to, limit: limit, offset: offset))
                    let wanted = Array(expected.dropFirst(offset).prefix(limit ?? .max))
                    #expect(page.items == wanted, "metric \(metric ?? "all") range \(range) limit \(limit ?? -1) offset \(offset)")
                    #expect(page.total == expected.count)
                }
            }
        }
    }

    private func listsAndCounts() async throws {
        let before = try await store.statistics()
        try await write([
            (Self.series("L_1", gpu: "GPU-10", id: "10", host: "a-host"), 0, 1), (Self.series("L_1", gpu: "GPU-2", id: "2", host: "a-host"), 0, 1),
            (Self.series("L_2", gpu: "GPU-2", id: "2", host: "a-host"), 5, 1), (Self.series("L_1", gpu: "GPU-x", id: "x", host: "a-host"), 0, 1),
            (Self.series("L_1", gpu: "GPU-b0", id: "0", host: "b-host"), 0, 1),
        ])
        let gpus = try await store.gpus(limit: .max, offset: 0)
        #expect(gpus.total == gpus.items.count)
        #expect(gpus.items.map(\.identity.uuid).filter { ["GPU-10", "GPU-2", "GPU-x", "GPU-b0"].contains($0) } == ["GPU-2", "GPU-10", "GPU-x", "GPU-b0"])
        #expect(gpus.items.map(\.identity.hostname) == gpus.items.map(\.identity.hostname).sorted())
        let page = try await store.gpus(limit: 2, offset: 1)
        #expect(page.items == Array(gpus.items[1..<3]))
        #expect(page.total == gpus.total)
        #expect(try await store.gpus(limit: 5, offset: 10_000).items.isEmpty)
        #expect(try await store.metrics(uuid: "GPU-2").map(\.name) == ["L_1", "L_2"])
        let metrics = try await store.metrics(uuid: nil)
        #expect(metrics.map(\.name) == metrics.map(\.name).sorted())
        #expect(metrics.first { $0.name == "L_1" } == MetricSummary(name: "L_1", sampleCount: 4, gpuCount: 4))
        let after = try await store.statistics()
        #expect(after.sampleCount == before.sampleCount + 5)
        #expect(after.gpuCount == before.gpuCount + 4)
        #expect(after.metricCount == before.metricCount + 2)
        #expect(after.hostCount == before.hostCount + 2)
        #expect(after.newest == before.newest)
        // The workload moves: the newest sample speaks for the GPU, and each sample keeps its own.
        let moved = Self.series("L_1", gpu: "GPU-b0", id: "0", host: "b-host", pod: "train-1")
        try await write([(moved, 9, 2)])
        #expect(try await store.gpu(uuid: "GPU-b0")?.identity == moved.gpu)
        #expect(try await all("GPU-b0").map(\.gpu.pod) == ["", "train-1"])
    }

    /// Texts that would break a line, a query, or out of one.
    static let hostile = [
        "", " ", "a b", "a,b=c", "back\\", "back\\\\", "\\,\\=\\ ", "quote'\"", "line\nfeed", "\r\t\u{7F}", "100%", "%41", "%", "#hash", "ünï😀",
        "x' OR 'a'='a", "x\\' OR 1=1 --", "x'; DROP DATABASE \"gpu_telemetry\"; --", "\") |> yield() //", "${r.uuid}", "$\\{1}", ".*", "/.*/",
        "UTIL\"; SHOW DATABASES; SELECT \"",
    ]

    private func hostileTexts() async throws {
        let before = try await store.statistics().sampleCount
        var samples: [(MetricSeries, Int64, Double)] = []
        for (i, text) in Self.hostile.enumerated() {
            let labels = [MetricLabel(name: "text", value: text)]
            let gpu = GPUIdentity(
                gpuID: text, device: text, uuid: "u" + text, modelName: text, hostname: text, container: text, pod: text, namespace: text)
            samples.append((MetricSeries(metricName: "m" + text, gpu: gpu, labels: labels), Int64(i), Double(i)))
        }
        try await write(samples)
        for (series, _, value) in samples {
            let read = try await store.telemetry(TelemetryQuery(uuid: series.gpu.uuid, metricName: series.metricName, limit: 10))
            #expect(read.items.map(\.series) == [series], "\(series.metricName.debugDescription)")
            #expect(read.items.map(\.value) == [value])
            #expect(try await store.gpu(uuid: series.gpu.uuid)?.identity == series.gpu)
            #expect(try await store.metrics(uuid: series.gpu.uuid).map(\.name) == [series.metricName])
        }
        for text in Self.hostile {
            #expect(try await store.gpu(uuid: text + "?") == nil)
            #expect(try await store.telemetry(TelemetryQuery(uuid: "GPU-a' ", metricName: text)).total == 0)
            #expect(try await store.telemetry(TelemetryQuery(uuid: "GPU-p", metricName: "P_A" + text)).total == (text.isEmpty ? 50 : 0))
        }
        #expect(try await store.statistics().sampleCount == before + samples.count)
    }
}
