import Foundation
import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Collector")
struct CollectorTests {
    private static func batch(_ id: String, samples: Int, gpus: Int = 1) -> MetricBatch {
        MetricBatch(
            batchID: id, source: "s", collectedAt: Timestamp(nanoseconds: 0),
            metrics: (0..<samples).map { i in
                GPUMetric(
                    timestamp: Timestamp(nanoseconds: Int64(i)), metricName: "m", gpuID: "0", device: "d",
                    uuid: "GPU-\(i % gpus)",
                    modelName: "m", hostname: "h", value: Double(i))
            })
    }

    private static func messages(_ batches: [MetricBatch]) throws -> [CollectorMessage] {
        try batches.enumerated().map {
            CollectorMessage(offset: Int64($0), payload: try $1.encoded(as: $0 % 2 == 0 ? .columnar : .plain))
        }
    }

    private static func stream(_ messages: [CollectorMessage]) -> AsyncStream<CollectorMessage> {
        AsyncStream { continuation in
            for message in messages { continuation.yield(message) }
            continuation.finish()
        }
    }

    private static func configuration(_ change: (inout Collector<ScriptedStore>.Configuration) -> Void = { _ in })
        -> Collector<ScriptedStore>.Configuration
    {
        var configuration = Collector<ScriptedStore>.Configuration()
        configuration.flushInterval = .seconds(3_600)
        configuration.writesAtOnce = 1
        change(&configuration)
        return configuration
    }

    @Test("samples are written in groups of the asked size, and each group is committed")
    func groups() async throws {
        let store = ScriptedStore()
        let commits = Log<Int64>()
        let collector = Collector(
            store: store, configuration: Self.configuration { $0.groupSize = 20 }, clock: HandClock().clock)
        try await collector.run(Self.stream(try Self.messages((0..<5).map { Self.batch("\($0)", samples: 10) }))) {
            commits.add($0.offset)
        }
        #expect(await store.writes.map { $0.map(\.batchID) } == [["0", "1"], ["2", "3"], ["4"]])
        #expect(commits.all == [1, 3, 4])
        let counters = collector.counters
        #expect(
            counters.messages == 5 && counters.samplesRead == 50 && counters.samplesStored == 50 && counters.writes == 3
        )
        #expect(counters.lastStoredOffset == 4)
    }

    @Test("a group that is not full leaves when its time is over")
    func interval() async throws {
        let store = ScriptedStore()
        let time = HandClock()
        let collector = Collector(
            store: store, configuration: Self.configuration { $0.flushInterval = .seconds(2) }, clock: time.clock)
        let (stream, continuation) = AsyncStream.makeStream(of: CollectorMessage.self)
        let message = try Self.messages([Self.batch("a", samples: 1)])[0]
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await collector.run(stream) }
            continuation.yield(message)
            await time.sleeperArrives()
            #expect(await store.writes.isEmpty)
            time.advance(by: .seconds(1))
            #expect(await store.writes.isEmpty)
            time.advance(by: .seconds(1))
            await store.firstWrite()
            continuation.finish()
            try await tasks.waitForAll()
        }
        #expect(await store.samples.count == 1)
    }

    @Test("while the store is away the same samples are tried again, and nothing is committed before they are stored")
    func unavailable() async throws {
        let store = ScriptedStore(failures: [
            StoreError(.unavailable, "refused"), StoreError(.unavailable, "busy", retryAfter: .seconds(7)),
            StoreError(.invalidAnswer, "<html>"),
            StoreError(.unauthorized, "token"),
        ])
        let time = LeapingClock()
        let commits = Log<Int64>()
        let events = Log<String>()
        let collector = Collector(
            store: store,
            configuration: Self.configuration {
                $0.backoff = Backoff(first: .seconds(1), longest: .seconds(3))
                $0.flushInterval = .zero
            }, clock: time.clock
        ) { event in
            switch event {
            case .storeUnavailable(let error, let attempt, _): events.add("\(attempt) \(error)")
            case .storeRecovered(let attempts): events.add("after \(attempts)")
            default: events.add("\(event)")
            }
        }
        try await collector.run(Self.stream(try Self.messages([Self.batch("a", samples: 3)]))) { position in
            commits.add(position.offset)
            #expect(await store.samples.map(\.value) == [0, 1, 2])
        }
        #expect(commits.all == [0])
        #expect(events.all == ["1 refused", "2 busy", "3 <html>", "4 token", "after 4"])
        let waits = time.sleeps
        #expect(waits.count == 4)
        #expect(waits[0] >= .seconds(0.5) && waits[0] <= .seconds(1))
        #expect(waits[1] == .seconds(7))
        #expect(waits[2] >= .seconds(1.5) && waits[2] <= .seconds(3))
        #expect(waits[3] == .seconds(30))
        #expect(collector.counters.retries == 4 && collector.counters.isStoreAvailable)
    }

    @Test("while the store is away no more is read than two groups")
    func backpressure() async throws {
        let store = ScriptedStore(failures: Array(repeating: StoreError(.unavailable, "away"), count: 1_000))
        let time = HandClock()
        let read = Log<Int64>()
        let messages = try Self.messages((0..<100).map { Self.batch("\($0)", samples: 10) })
        let collector = Collector(
            store: store, configuration: Self.configuration { $0.groupSize = 20 }, clock: time.clock)
        let task = Task {
            let sequence = Self.stream(messages).map { message in
                read.add(message.offset)
                return message
            }
            try await collector.run(sequence)
        }
        while collector.counters.retries < 20 {
            await time.sleeperArrives()
            time.advance(by: .seconds(60))
            await Task.yield()
        }
        // One group is being written, one is full, and one message waits to be added.
        #expect(read.all.count <= 5)
        #expect(!collector.counters.isStoreAvailable)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test(
        "samples that the store refuses are kept before the position passes them, and the rest of their group is stored"
    )
    func refused() async throws {
        let store = ScriptedStore(refusing: "3")
        let log = Log<String>()
        let isFull = Mutex(2)
        let collector = Collector(
            store: store,
            configuration: Self.configuration {
                $0.backoff = Backoff(first: .milliseconds(1), longest: .milliseconds(1))
                $0.deadLetters = { parts in
                    try isFull.withLock { left in
                        left -= 1
                        if left >= 0 { throw StoreError(.unavailable, "disk full") }
                    }
                    for part in parts { log.add("kept \(part.batch.batchID) \(part.batch.count) \(part.reason)") }
                }
            }
        ) { event in
            switch event {
            case .refused(let part): log.add("refused \(part.batch.batchID): \(part.reason)")
            case .deadLettersFailed(let error, _): log.add("\(error)")
            default: log.add("\(event)")
            }
        }
        let batches = (0..<7).map { Self.batch("\($0)", samples: 2) }
        try await collector.run(Self.stream(try Self.messages(batches))) { log.add("commit \($0.offset)") }
        #expect(await store.writes.flatMap { $0.map(\.batchID) } == ["0", "1", "2", "4", "5", "6"])
        #expect(log.all == ["disk full", "disk full", "kept 3 2 conflict", "refused 3: conflict", "commit 6"])
        let counters = collector.counters
        #expect(counters.samplesRefused == 2 && counters.samplesStored == 12 && counters.retries == 0)
        var digest = SampleDigest()
        for batch in batches where batch.batchID != "3" { digest.add(SampleDigest(batch)) }
        #expect(counters.digest == digest)
    }

    @Test("a call that the store refuses without naming samples loses none: it is tried again, slowly")
    func refusedCall() async throws {
        let store = ScriptedStore(failures: [
            StoreError(.rejected, "no such organization"), StoreError(.rejected, "no such organization"),
        ])
        let time = LeapingClock()
        // The group is full at once: it waits for no timer.
        let collector = Collector(
            store: store, configuration: Self.configuration { $0.groupSize = 3 }, clock: time.clock)
        try await collector.run(Self.stream(try Self.messages([Self.batch("a", samples: 3)])))
        #expect(await store.samples.count == 3)
        #expect(time.sleeps == [.seconds(30), .seconds(30)])
    }

    @Test("a group is full at a count of bytes too")
    func bytes() async throws {
        let store = ScriptedStore()
        let messages = try Self.messages((0..<6).map { Self.batch("\($0)", samples: 10) })
        let collector = Collector(
            store: store, configuration: Self.configuration { $0.groupBytes = messages[0].payload.count + 1 })
        try await collector.run(Self.stream(messages))
        #expect(await store.writes.map(\.count) == [2, 2, 2])
    }

    @Test("several groups are written at one time, in any order, and the position waits for the oldest")
    func severalAtOnce() async throws {
        let store = GatedStore()
        let commits = Log<Int64>()
        let read = Log<Int64>()
        let messages = try Self.messages((0..<8).map { Self.batch("\($0)", samples: 1) })
        var configuration = Collector<GatedStore>.Configuration()
        configuration.groupSize = 1
        configuration.writesAtOnce = 3
        let collector = Collector(store: store, configuration: configuration)
        let running = Task {
            try await collector.run(
                Self.stream(messages).map { message in
                    read.add(message.offset)
                    return message
                }
            ) { commits.add($0.offset) }
        }
        await store.arrival(of: ["0", "1", "2"])
        // Beside the three one group is full and one message waits.
        #expect(read.all.count <= 5)
        await store.open("1")
        await store.open("2")
        #expect(commits.all.isEmpty && collector.counters.lastStoredOffset == nil)
        await store.open("0")
        await store.arrival(of: ["3", "4", "5"])
        // One commit may stand for several.
        #expect(Set(commits.all).isSubset(of: [0, 1, 2]))
        for batch in ["5", "4", "3"] { await store.open(batch) }
        await store.arrival(of: ["6", "7"])
        await store.open("6")
        await store.open("7")
        try await running.value
        #expect(commits.all == commits.all.sorted() && commits.all.last == 7)
    }

    @Test("a message that is no batch is counted and reported with its offset, and the next is read")
    func undecodable() async throws {
        let store = ScriptedStore()
        let commits = Log<Int64>()
        let offsets = Log<Int64>()
        let collector = Collector(store: store, configuration: Self.configuration()) { event in
            if case .undecodable(let offset, _) = event { offsets.add(offset) }
        }
        var messages = try Self.messages([
            Self.batch("a", samples: 1), Self.batch("b", samples: 1), Self.batch("c", samples: 1),
        ])
        messages[1].payload = Array(#"{"hello":"world"}"#.utf8)
        messages.append(CollectorMessage(offset: 3, payload: [0xFF]))
        try await collector.run(Self.stream(messages)) { commits.add($0.offset) }
        #expect(await store.samples.count == 2)
        #expect(offsets.all == [1, 3])
        #expect(commits.all == [3])
        #expect(collector.counters.undecodableMessages == 2 && collector.counters.messages == 4)
    }

    @Test("shards divide the GPUs: every sample is written once")
    func shards() async throws {
        let messages = try Self.messages([
            Self.batch("a", samples: 300, gpus: 100), Self.batch("b", samples: 100, gpus: 10),
        ])
        var stored: [GPUMetric] = []
        for index in 1...3 {
            let store = ScriptedStore()
            let collector = Collector(
                store: store, configuration: Self.configuration { $0.shard = Shard(index: index, count: 3) })
            try await collector.run(Self.stream(messages))
            let samples = await store.samples
            #expect(samples.count > 60, "shard \(index) has its share")
            #expect(collector.counters.samplesOfOtherShards == 400 - samples.count)
            stored += samples
        }
        #expect(stored.count == 400)
        let once = Set(try messages.flatMap { try MetricBatch.decode(json: $0.payload).metrics })
        #expect(Set(stored) == once)
    }

    @Test("a position that cannot be committed is reported, and reading goes on")
    func commitFails() async throws {
        struct Refused: Error {}
        let events = Log<Int64>()
        let store = ScriptedStore()
        let collector = Collector(store: store, configuration: Self.configuration { $0.groupSize = 1 }) { event in
            if case .commitFailed(let position, _) = event { events.add(position.offset) }
        }
        try await collector.run(
            Self.stream(try Self.messages([Self.batch("a", samples: 1), Self.batch("b", samples: 1)]))
        ) { position in
            if position.offset == 0 { throw Refused() }
        }
        #expect(events.all == [0])
        #expect(collector.counters.commitsFailed == 1 && collector.counters.samplesStored == 2)
    }

    @Test("where the messages fail, what came before is stored and the failure thrown")
    func messagesFail() async throws {
        struct Lost: Error {}
        let store = ScriptedStore()
        let messages = try Self.messages([Self.batch("a", samples: 1)])
        let collector = Collector(store: store, configuration: Self.configuration())
        let stream = AsyncThrowingStream<CollectorMessage, any Error> { continuation in
            continuation.yield(messages[0])
            continuation.finish(throwing: Lost())
        }
        await #expect(throws: Lost.self) { try await collector.run(stream) }
        #expect(await store.samples.count == 1)
    }

    @Test("cancellation ends a wait for the store at once, and commits nothing")
    func cancellation() async throws {
        let store = ScriptedStore(failures: Array(repeating: StoreError(.unavailable, "away"), count: 1_000))
        let time = HandClock()
        let commits = Log<Int64>()
        let collector = Collector(
            store: store, configuration: Self.configuration { $0.groupSize = 1 }, clock: time.clock)
        let (stream, continuation) = AsyncStream.makeStream(of: CollectorMessage.self)
        continuation.yield(try Self.messages([Self.batch("a", samples: 1)])[0])
        let task = Task { try await collector.run(stream) { commits.add($0.offset) } }
        await time.sleeperArrives()
        task.cancel()
        try? await task.value
        #expect(commits.all.isEmpty)
        #expect(await store.writes.isEmpty)
    }
}
