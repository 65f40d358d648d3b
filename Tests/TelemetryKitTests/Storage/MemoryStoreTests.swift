import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryStores

@Suite("Memory store")
struct MemoryStoreTests {
    static let second: Int64 = 1_000_000_000

    static func fill(_ store: MemoryStore, _ series: [MetricSeries], ticks: Range<Int>) async throws {
        for tick in ticks {
            var batch = MetricBatch(batchID: "\(tick)", source: "s", collectedAt: Timestamp(nanoseconds: 0))
            for one in series {
                batch.append(seriesIndex: batch.addSeries(one), timestamp: Int64(tick) * second, value: Double(tick))
            }
            try await store.write([batch])
        }
    }

    static let series = ["A", "B"].map { SuiteSamples.series($0) }

    @Test("age counts back from the newest sample, and what is older is not answered")
    func age() async throws {
        let store = MemoryStore(configuration: .init(retentionPeriod: .seconds(100)))
        for ticks in [0..<50, 50..<101, 101..<102, 102..<3000] {
            try await Self.fill(store, Self.series, ticks: ticks)
            let first = max(0, ticks.upperBound - 101)
            let statistics = try await store.statistics()
            #expect(statistics.sampleCount == 2 * (ticks.upperBound - first))
            #expect(statistics.oldest == Timestamp(nanoseconds: Int64(first) * Self.second))
            let page = try await store.telemetry(TelemetryQuery(uuid: "GPU-a"))
            #expect(page.total == 2 * (ticks.upperBound - first))
            #expect(page.items.first?.value == Double(first))
            #expect(
                try await store.metrics(uuid: "GPU-a").map(\.sampleCount) == [
                    ticks.upperBound - first, ticks.upperBound - first,
                ])
            #expect(try await store.gpu(uuid: "GPU-a")?.firstSeen == statistics.oldest)
        }
        try await Self.fill(store, Self.series, ticks: 10..<11)
        #expect(
            try await store.telemetry(TelemetryQuery(uuid: "GPU-a", endTime: Timestamp(nanoseconds: 11 * Self.second)))
                .total == 0)
    }

    @Test("a GPU whose samples have all aged away is gone, and comes back with a new one")
    func agedGPU() async throws {
        let store = MemoryStore(configuration: .init(retentionPeriod: .seconds(10)))
        let old = SuiteSamples.series(gpu: "GPU-old")
        try await Self.fill(store, [old], ticks: 0..<5)
        try await Self.fill(store, Self.series, ticks: 100..<101)
        #expect(try await store.gpu(uuid: "GPU-old") == nil)
        #expect(try await store.gpus(limit: 10, offset: 0).items.map(\.identity.uuid) == ["GPU-a"])
        #expect(try await store.statistics().metricCount == 2)
        try await Self.fill(store, [old], ticks: 101..<102)
        #expect(try await store.gpu(uuid: "GPU-old")?.firstSeen == Timestamp(nanoseconds: 101 * Self.second))
    }

    @Test("beyond the byte limit the oldest samples of all series go first")
    func bytes() async throws {
        let limit = 40_000
        let store = MemoryStore(configuration: .init(maxBytes: limit))
        let late = SuiteSamples.series("LATE", gpu: "GPU-late")
        var random = SeededRandom(seed: 3)
        for start in stride(from: 0, to: 20_000, by: 100) {
            var samples: [(MetricSeries, Int64, Double)] = []
            for tick in start..<start + 100 {
                for series in Self.series {
                    samples.append((series, Int64(tick) * Self.second, Double.random(in: 0..<1, using: &random)))
                }
            }
            try await store.write([StoreSamples.batch(samples)])
            #expect(store.byteCount <= limit)
        }
        try await store.write([StoreSamples.batch([(late, 19_999 * Self.second, 1)])])
        let statistics = try await store.statistics()
        // Random values take eight bytes each. Some of the room is for the series themselves.
        #expect(statistics.sampleCount * 8 > limit / 2)
        #expect(statistics.newest == Timestamp(nanoseconds: StoreSamples.start + 19_999 * Self.second))
        // Both series begin at the same time: none was robbed for the other.
        let held = try await store.series(SampleFilter(uuids: ["GPU-a"]), limit: 10, offset: 0).items
        #expect(held.count == 2 && held[0].firstSeen == held[1].firstSeen && held[0].sampleCount == held[1].sampleCount)
        #expect(try await store.gpu(uuid: "GPU-late") != nil)
    }

    @Test("a series whose labels change keeps each sample's own, across blocks, splits and retention")
    func changingLabels() async throws {
        let store = MemoryStore(configuration: .init(retentionPeriod: .seconds(5000)))
        var random = SeededRandom(seed: 11)
        let variants = (0..<7).map { SuiteSamples.series(pod: "pod-\($0)") }
        var expected: [Int: Int] = [:]
        for tick in (0..<4000).shuffled(using: &random) + (0..<500).shuffled(using: &random) + Array(4000..<8000) {
            let variant = Int.random(in: 0..<7, using: &random)
            expected[tick] = variant
            try await Self.fill(store, [variants[variant]], ticks: tick..<tick + 1)
        }
        let items = try await store.telemetry(TelemetryQuery(uuid: "GPU-a")).items
        #expect(items.map { Int($0.value) } == Array(2999..<8000))
        #expect(items.allSatisfy { $0.series == variants[expected[Int($0.value)]!] })
    }

    @Test("times at the ends of the range neither overflow nor get lost")
    func extremes() async throws {
        let store = MemoryStore(configuration: .init(retentionPeriod: nil))
        var batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0))
        for series in Self.series {
            let index = batch.addSeries(series)
            for time in [Int64.max, .min, 0, .min + 1, .max - 1] {
                batch.append(seriesIndex: index, timestamp: time, value: 1)
            }
        }
        try await store.write([batch])
        for offset in 0...10 {
            let page = try await store.telemetry(TelemetryQuery(uuid: "GPU-a", offset: offset))
            #expect(page.items.count == 10 - offset)
            #expect(page.total == 10)
        }
        let bounded = MemoryStore(configuration: .init(retentionPeriod: .seconds(1)))
        try await bounded.write([batch])
        #expect(try await bounded.telemetry(TelemetryQuery(uuid: "GPU-a")).total == 4)
    }

    @Test("readers see whole answers while a writer writes")
    func concurrency() async throws {
        let store = MemoryStore(configuration: .init(retentionPeriod: .seconds(700)))
        try await Self.fill(store, Self.series, ticks: 0..<1)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await Self.fill(store, Self.series, ticks: 1..<3000) }
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<100 {
                        let page = try await store.telemetry(TelemetryQuery(uuid: "GPU-a"))
                        // A batch holds both metrics of a tick, and is seen whole.
                        #expect(page.items.count % 2 == 0 && page.total == page.items.count)
                        let values = page.items.map { Int($0.value) }
                        #expect(values == (values[0]...values[values.count - 1]).flatMap { [$0, $0] })
                        _ = try await store.gpus(limit: 10, offset: 0)
                        _ = try await store.statistics()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.statistics().newest == Timestamp(nanoseconds: 2999 * Self.second))
    }
}
