import Foundation
import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryHealth
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("A collector and a database that fails in every way", .timeLimit(.minutes(20)))
struct CollectorFaultTests {
    /// Now and then fails in the next of its ways: before it takes samples, after a part, after all. The value 13 it never takes.
    private final class Unreliable: Sendable {
        private struct State {
            var random: SeededRandom
            var stored: [String: String] = [:]
            var sent: [String: Set<String>] = [:]
            var faults = 0
        }

        static let ways = 13

        private let state: Mutex<State>

        init(seed: UInt64) { state = Mutex(State(random: SeededRandom(seed: seed))) }

        /// The values by series and time.
        var stored: [String: String] { state.withLock { $0.stored } }
        /// What every sample was sent as.
        var sent: [String: Set<String>] { state.withLock { $0.sent } }
        var faults: Int { state.withLock { $0.faults } }

        func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Reply {
            state.withLock { state in
                let lines = request.body.split(separator: "\n")
                for line in lines { state.sent[Self.key(line), default: []].insert(String(line)) }
                func take(_ lines: some Collection<Substring>) {
                    for line in lines where !line.contains(" value=13 ") { state.stored[Self.key(line)] = String(line) }
                }
                var way = Self.ways
                if Int.random(in: 0..<12, using: &state.random) == 0 {
                    way = state.faults % Self.ways
                    state.faults += 1
                }
                switch way {
                case 0: return .answer(503, [:], "starting")
                case 1: return .answer(503, ["Retry-After": "7"], "overloaded")
                case 2: return .answer(429, ["Retry-After": "3"], "slow down")
                case 3:
                    return .answer(
                        429, ["Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:07 GMT"],
                        "slow down")
                case 4: return .answer(429, ["Retry-After": "soon"], "slow down")
                case 5: return .answer(500, [:], "engine is closed")
                case 6: return .answer([502, 504, 408, 401].randomElement(using: &state.random)!, [:], "<html>")
                case 7 where lines.count > 1: return .answer(413, [:], "too large")
                case 8: return .reset
                case 9: return .cutShort
                case 10: return .silence
                case 11:
                    // Stored, but the client never hears of it.
                    take(lines)
                    return .silence
                case 12:
                    take(lines.prefix(lines.count / 2))
                    return .answer(500, [:], "timeout")
                default:
                    take(lines)
                    let bad = lines.count { $0.contains(" value=13 ") }
                    return bad == 0
                        ? .answer(204) : .answer(400, [:], #"{"error":"partial write: unlucky dropped=\#(bad)"}"#)
                }
            }
        }

        static func key(_ line: Substring) -> String {
            let parts = line.split(separator: " value=")
            return "\(parts[0]) \(parts[1].split(separator: " ")[1])"
        }
    }

    @Test(
        "every sample is stored or a dead letter before its position is committed, and is always sent in the same bytes",
        arguments: [1, 4])
    func everyFault(writesAtOnce: Int) async throws {
        let database = Unreliable(seed: UInt64(writesAtOnce))
        let server = try StoreErrorTests.server { database.answer($0) }
        defer { server.stop() }
        let store = try InfluxDBStore(
            configuration: .init(url: server.url, timeout: .milliseconds(100), maxBodyBytes: 1500))
        let directory = FileManager.default.temporaryDirectory.appending(path: "dead-letters-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = DeadLetterFile(path: directory + "/dead.jsonl")

        let batches: [MetricBatch] = (0..<40).map { number in
            StoreSamples.batch(
                (0..<10).map { (i: Int) -> (MetricSeries, Int64, Double) in
                    let series = SuiteSamples.series("M\(i % 3)", gpu: "GPU-\(number % 4)")
                    return (series, Int64(number * 10 + i), i == 7 ? 13 : Double(i))
                })
        }
        let lines = batches.map { batch in
            LineProtocolTests.bodies([batch], maxBytes: 1 << 20).flatMap {
                String(decoding: $0.lines, as: UTF8.self).split(separator: "\n")
            }
        }
        let messages = try batches.enumerated().map { CollectorMessage(offset: Int64($0), payload: try $1.encoded()) }
        var configuration = Collector<InfluxDBStore>.Configuration()
        configuration.groupSize = 20
        configuration.writesAtOnce = writesAtOnce
        configuration.backoff = Backoff(first: .milliseconds(1), longest: .seconds(1))
        configuration.deadLetters = { try file.append($0) }
        let collector = Collector(store: store, configuration: configuration, clock: LeapingClock().clock)
        let committed = Mutex<Int64>(-1)
        try await collector.run(
            AsyncStream { continuation in
                for message in messages { continuation.yield(message) }
                continuation.finish()
            }
        ) { position in
            let offset = position.offset
            #expect(committed.withLock { $0 } < offset)
            committed.withLock { $0 = offset }
            let stored = database.stored
            let dead = (try? String(contentsOfFile: file.path, encoding: .utf8)) ?? ""
            for line in lines[...Int(offset)].joined() where stored[Unreliable.key(line)] != String(line) {
                let time = Timestamp(nanoseconds: Int64(line.split(separator: " ").last!)!)
                #expect(
                    line.contains(" value=13 ") && dead.contains("\"timestamp\":\"\(time)\""),
                    "message up to \(offset): \(line)")
            }
        }
        #expect(committed.withLock { $0 } == 39)
        #expect(database.stored.count == 360)
        #expect(database.sent.count == 400 && database.sent.values.allSatisfy { $0.count == 1 })
        #expect(database.faults >= Unreliable.ways)
        let counters = collector.counters
        #expect(counters.samplesStored == 360 && counters.samplesRefused == 40 && counters.retries > 10)
        var digest = SampleDigest()
        for batch in batches {
            digest.add(SampleDigest(batch))
            digest.subtract(
                SampleDigest(
                    MetricBatch(
                        batchID: "", source: "", collectedAt: batch.collectedAt,
                        metrics: batch.metrics.filter { $0.value == 13 })))
        }
        #expect(counters.digest == digest)
        await store.close()
    }

    @Test("a dead letter is a line of JSON, whose batch can be published again; what a power loss cut is closed off")
    func deadLetterFile() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "dead-\(UUID().uuidString).jsonl").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = DeadLetterFile(path: path, now: { Timestamp(nanoseconds: 1_752_871_354_000_000_000) })
        try file.append([])
        #expect(!FileManager.default.fileExists(atPath: path))
        let batch = StoreSamples.batch([(SuiteSamples.series(labels: [MetricLabel(name: "a", value: "\"\n")]), 0, 13)])
        try file.append([
            RefusedSamples(batch: batch, reason: "un\"lucky\n"), RefusedSamples(batch: batch, reason: "again"),
        ])
        let whole = try String(contentsOfFile: path, encoding: .utf8)
        try (whole + #"{"refused_at":"20"#).write(toFile: path, atomically: true, encoding: .utf8)
        try file.append([RefusedSamples(batch: batch, reason: "third")])
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 4 && lines[2] == #"{"refused_at":"20"#)
        var reasons: [String] = []
        for i in [0, 1, 3] {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(lines[i].utf8)) as? [String: Any])
            #expect(object["refused_at"] as? String == "2025-07-18T20:42:34Z")
            reasons.append(try #require(object["reason"] as? String))
            let json = try JSONSerialization.data(withJSONObject: try #require(object["batch"]))
            #expect(try MetricBatch.decode(json: Array(json)).metrics.map { $0 } == batch.metrics.map { $0 })
        }
        #expect(reasons == ["un\"lucky\n", "again", "third"])
    }

    @Test(
        "dead letters that cannot be written are an error that names the path",
        arguments: ["/dev/full", "/nowhere/dead.jsonl"])
    func deadLettersFail(path: String) throws {
        let batch = StoreSamples.batch([(SuiteSamples.series(), 0, 13)])
        let error = #expect(throws: (any Error).self) {
            try DeadLetterFile(path: path).append([RefusedSamples(batch: batch, reason: "r")])
        }
        #expect("\(error!)".contains(path))
    }
}
