import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Memory store, many at once")
struct MemoryConcurrencyTests {
    private static let second: Int64 = 1_000_000_000

    private static func batch(_ series: [MetricSeries], _ ticks: Range<Int>) -> MetricBatch {
        StoreSamples.batch(ticks.flatMap { tick in series.map { ($0, Int64(tick) * second, Double(tick)) } })
    }

    @Test("pages behind a cursor hold every older sample once while a writer goes on")
    func cursor() async throws {
        let store = MemoryStore()
        let series = (0..<4).flatMap { gpu in ["A", "B"].map { SuiteSamples.series($0, gpu: "GPU-\(gpu)") } }
        try await store.write([Self.batch(series, 0..<1500)])
        let isPaging = Atomic(true)
        async let writing: Int = {
            var tick = 1500
            while isPaging.load(ordering: .relaxed), tick < 15_000 {
                try await store.write([Self.batch(series, tick..<tick + 20)])
                tick += 20
            }
            return tick
        }()
        var query = TelemetryQuery(
            SampleFilter(endTime: Timestamp(nanoseconds: StoreSamples.start + 1499 * Self.second)), limit: 700,
            countsTotal: false)
        var items: [GPUMetric] = []
        while true {
            let page = try await store.telemetry(query).items
            items += page
            guard let last = page.last else { break }
            query.after = SampleCursor(last)
        }
        isPaging.store(false, ordering: .relaxed)
        let written = try await writing
        #expect(items.count == 8 * 1500)
        #expect(items.map(\.value) == (0..<1500).flatMap { [Double](repeating: Double($0), count: 8) })
        #expect(zip(items, items.dropFirst()).allSatisfy { SampleCursor($0) < SampleCursor($1) })
        #expect(try await store.statistics().sampleCount == 8 * written)
    }

    @Test(
        "what many writers write of the same and of different GPUs is all there, and readers see whole batches of a GPU"
    )
    func writers() async throws {
        let store = MemoryStore()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    // Two writers share each GPU, one the even ticks and one the odd; all write to one more.
                    let own = ["A", "B"].map { SuiteSamples.series($0, gpu: "GPU-\(writer / 2)") }
                    for tick in 0..<500 {
                        let time = Int64(2 * tick + writer % 2) * Self.second
                        let samples = own.map { ($0, time, Double(writer)) }
                        let shared = [(SuiteSamples.series("A", gpu: "GPU-all"), Int64(4 * tick + writer), 1.0)]
                        try await store.write([StoreSamples.batch(samples + shared)])
                    }
                }
            }
            for reader in 0..<2 {
                group.addTask {
                    for _ in 0..<60 {
                        let uuid = "GPU-\(reader)"
                        let items = try await store.telemetry(TelemetryQuery(uuid: uuid)).items
                        let pairs = stride(from: 0, to: items.count - items.count % 2, by: 2)
                        #expect(
                            items.count % 2 == 0 && pairs.allSatisfy { items[$0].timestamp == items[$0 + 1].timestamp })
                        let latest = try await store.latest(SampleFilter(uuids: [uuid]))
                        #expect(Set(latest.map(\.timestamp)).count <= 1 && [0, 2].contains(latest.count))
                        let counts = try await store.aggregate(
                            AggregateQuery(metricName: "A", function: .count, window: .seconds(100)))
                        #expect(counts.allSatisfy { $0.points.allSatisfy { $0.value > 0 } })
                        _ = try await store.statistics()
                        _ = try await store.series(SampleFilter(), limit: 10, offset: 0)
                    }
                }
            }
            try await group.waitForAll()
        }
        let held = try await store.series(SampleFilter(), limit: 10, offset: 0).items
        #expect(held.map(\.sampleCount) == [1000, 1000, 2000, 1000, 1000])
        for uuid in ["GPU-0", "GPU-1"] {
            let values = try await store.telemetry(TelemetryQuery(uuid: uuid, metricName: "B")).items.map(\.value)
            let first = uuid == "GPU-0" ? 0.0 : 2.0
            #expect(values == (0..<500).flatMap { _ in [first, first + 1] })
        }
    }

    @Test("GPUs that come and go while others write, read and are let go lose nothing")
    func churn() async throws {
        let store = MemoryStore(configuration: .init(retentionPeriod: .seconds(50), maxBytes: 200_000))
        let newest = 2000
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 {
                group.addTask {
                    for tick in stride(from: 0, through: newest, by: 5) {
                        // Every tick a GPU and two metrics that were never there before, and one GPU that stays.
                        let series = [
                            SuiteSamples.series("A", gpu: "GPU-\(writer)-\(tick)"),
                            SuiteSamples.series("M\(writer)\(tick)", gpu: "GPU-stays"),
                            SuiteSamples.series("A", gpu: "GPU-stays-\(writer)"),
                        ]
                        try await store.write([Self.batch(series, tick..<tick + 1)])
                    }
                }
            }
            group.addTask {
                for _ in 0..<100 {
                    _ = try await store.statistics()
                    _ = try await store.gpus(SampleFilter(), limit: 10, offset: 0)
                    _ = try await store.latest(SampleFilter(metricNames: ["A"]))
                }
            }
            try await group.waitForAll()
        }
        let held = try await store.telemetry(TelemetryQuery(SampleFilter(metricNames: ["A"]))).items
        let times = Set(held.map { Int(($0.timestamp.nanoseconds - StoreSamples.start) / Self.second) })
        #expect(times.max() == newest && times.min()! >= newest - 50)
        for writer in 0..<3 {
            #expect(held.contains { $0.gpu.uuid == "GPU-stays-\(writer)" && $0.value == Double(newest) })
        }
        // What has ended is let go: GPUs, series, and what was known of them.
        #expect(store.directory.withLock { $0.gpus.count } < 200)
        #expect(store.byteCount <= 200_000)
    }
}
