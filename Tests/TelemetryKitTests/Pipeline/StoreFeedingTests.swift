import Synchronization
import TelemetryKit
import Testing

@Suite("Feeding a store")
struct StoreFeedingTests {
    @Test(
        "the real export goes through batches and messages into a store unchanged",
        .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() async throws {
        let store = MemoryStore()
        var configuration = CSVSource.Configuration(path: RealExport.path, source: "test")
        configuration.batchSize = 500
        var source = try CSVSource(configuration)
        var codec = BatchCodec()
        var messages: [CollectorMessage] = []
        while let batch = try await source.next() {
            messages.append(CollectorMessage(offset: Int64(messages.count), payload: try codec.encode(batch)))
        }
        #expect(messages.count == 5)
        let collector = Collector(store: store)
        // Each message twice, as after a reconnection: a store identifies samples.
        try await collector.run(Messages(messages + messages))
        let statistics = try await store.statistics()
        #expect(
            statistics.sampleCount == 2_470 && statistics.gpuCount == 247 && statistics.metricCount == 10
                && statistics.hostCount == 31)

        var reader = try DCGMReader(path: RealExport.path)
        var expected: [String: [GPUMetric]] = [:]
        while let metric = try reader.next() { expected[metric.gpu.uuid, default: []].append(metric) }
        for (uuid, metrics) in expected {
            let page = try await store.telemetry(TelemetryQuery(uuid: uuid))
            #expect(Set(page.items) == Set(metrics))
        }
    }

    @Test("whatever the timing, every message is stored and committed in order")
    func timing() async throws {
        var random = SeededRandom(seed: 12)
        for _ in 0..<150 {
            let store = MemoryStore()
            var configuration = Collector<MemoryStore>.Configuration()
            configuration.groupSize = Int.random(in: 1...30, using: &random)
            configuration.flushInterval = [.zero, .microseconds(50), .milliseconds(1), .seconds(3_600)].randomElement(
                using: &random)!
            let count = Int.random(in: 0...60, using: &random)
            let messages = try (0..<count).map { offset in
                let metric = GPUMetric(
                    timestamp: Timestamp(nanoseconds: Int64(offset)), metricName: "m", gpuID: "0", device: "d",
                    uuid: "u", modelName: "m",
                    hostname: "h", value: 1)
                let batch = MetricBatch(
                    batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0), metrics: [metric])
                return CollectorMessage(offset: Int64(offset), payload: try batch.encoded())
            }
            let commits = Mutex<[Int64]>([])
            let pauses = (0..<count).map { _ in Int.random(in: 0..<6, using: &random) == 0 }
            let collector = Collector(store: store, configuration: configuration)
            try await collector.run(Messages(messages, pauses: pauses)) { position in
                commits.withLock { $0.append(position.offset) }
            }
            #expect(collector.counters.samplesStored == count)
            #expect(try await store.statistics().sampleCount == count)
            let committed = commits.withLock { $0 }
            #expect(committed == committed.sorted() && committed.last == (count > 0 ? Int64(count - 1) : nil))
        }
    }
}

/// Messages one after the other, some after others have had a turn.
private struct Messages: AsyncSequence, AsyncIteratorProtocol {
    private let messages: [CollectorMessage]
    private let pauses: [Bool]
    private var at = 0

    init(_ messages: [CollectorMessage], pauses: [Bool] = []) {
        self.messages = messages
        self.pauses = pauses
    }

    func makeAsyncIterator() -> Messages { self }

    mutating func next() async -> CollectorMessage? {
        guard at < messages.count else { return nil }
        if at < pauses.count, pauses[at] { for _ in 0..<20 { await Task.yield() } }
        defer { at += 1 }
        return messages[at]
    }
}
