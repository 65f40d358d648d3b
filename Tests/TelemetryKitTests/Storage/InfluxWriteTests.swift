import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("What is written to InfluxDB, whatever it answers", .timeLimit(.minutes(20)))
struct InfluxWriteTests {
    /// A database that refuses some lines, and remembers the others and its requests.
    final class Picky: Sendable {
        private let state = Mutex((stored: [String](), requests: 0))
        let refuses: @Sendable (Substring) -> Bool

        init(refusing: @escaping @Sendable (Substring) -> Bool) { refuses = refusing }

        var stored: [String] { state.withLock { $0.stored } }
        var requests: Int { state.withLock { $0.requests } }

        /// As 1.x does: what is not refused is stored.
        func answer(_ request: ScriptedServer.Request, telling: Bool) -> ScriptedServer.Reply {
            let lines = request.body.split(separator: "\n")
            let bad = lines.count { refuses($0) }
            state.withLock { state in
                state.requests += 1
                state.stored += lines.filter { !refuses($0) }.map(String.init)
            }
            guard bad > 0 else { return .answer(204) }
            return .answer(
                400, [:], #"{"error":"partial write: field type conflict\#(telling ? " dropped=\(bad)" : "")"}"#)
        }
    }

    static func value(_ line: some StringProtocol) -> Int {
        Int(line.split(separator: "=").last!.split(separator: " ")[0])!
    }

    @Test("refused lines are found one by one, wherever they are, and all others are stored", arguments: [true, false])
    func bisection(telling: Bool) async throws {
        var random = SeededRandom(seed: telling ? 1 : 2)
        for count in [1, 2, 3, 7, 40] {
            for _ in 0..<5 {
                let bad = Set((0..<count).filter { _ in Int.random(in: 0..<4, using: &random) == 0 })
                let picky = Picky { bad.contains(Self.value($0)) }
                let server = try StoreErrorTests.server { picky.answer($0, telling: telling) }
                defer { server.stop() }
                let store = try InfluxDBStore(configuration: .init(url: server.url, maxBodyBytes: 2000))
                let samples = (0..<count).map {
                    (SuiteSamples.series($0 % 3 == 0 ? "A,\\ b" : "B"), Int64($0), Double($0))
                }
                var refused: [RefusedSamples] = []
                do {
                    try await store.write([StoreSamples.batch(samples), StoreSamples.batch([])])
                } catch let error as StoreError {
                    refused = error.refused
                    #expect(error.kind == .rejected && error.message.contains("field type conflict"))
                }
                #expect(refused.flatMap { $0.batch.metrics.map { Int($0.value) } } == bad.sorted())
                #expect(Set(picky.stored.map(Self.value)) == Set(0..<count).subtracting(bad))
                await store.close()
            }
        }
    }

    @Test("a metric that is refused as a whole costs a few requests, however many samples it has")
    func wholeMetric() async throws {
        let picky = Picky { $0.hasPrefix("M3,") }
        let server = try StoreErrorTests.server { picky.answer($0, telling: true) }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let samples = (0..<5000).map { (SuiteSamples.series("M\($0 % 10)"), Int64($0), Double($0)) }
        let error = await #expect(throws: StoreError.self) { try await store.write([StoreSamples.batch(samples)]) }
        #expect(error?.refused.map(\.batch.count) == [500])
        #expect(Set(picky.stored).count == 4500)
        #expect(picky.requests <= 11)
    }

    @Test("a body that is too large is halved at a line's end, and every line arrives once")
    func halves() async throws {
        let stored = Mutex<[String]>([])
        let server = try StoreErrorTests.server { request in
            let lines = request.body.split(separator: "\n").map(String.init)
            if lines.count > 3 { return .answer(413, [:], "too large") }
            stored.withLock { $0 += lines }
            return .answer(204)
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        for count in 1...20 {
            stored.withLock { $0 = [] }
            try await store.write([
                StoreSamples.batch((0..<count).map { (SuiteSamples.series(), Int64($0), Double($0)) })
            ])
            let times = stored.withLock { $0.map { Int64($0.split(separator: " ").last!)! - StoreSamples.start } }
            #expect(times.sorted() == (0..<Int64(count)).map { $0 })
        }
    }

    @Test("where the search for refused lines meets a failure, no sample counts as refused")
    func failureDuringSearch() async throws {
        let count = Mutex(0)
        let server = try StoreErrorTests.server { _ in
            count.withLock { $0 += 1 }
            return count.withLock { $0 } < 3 ? .answer(422, [:], "no") : .answer(503, ["Retry-After": "3"], "busy")
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let error = await #expect(throws: StoreError.self) {
            try await store.write([StoreSamples.batch((0..<8).map { (SuiteSamples.series(), Int64($0), 1) })])
        }
        #expect(error?.kind == .unavailable && error?.refused.isEmpty == true && error?.retryAfter == .seconds(3))
    }

    @Test("a reset in the middle of a body is unavailability, and the next write has the same bytes")
    func resetInBody() async throws {
        // Over a connection that had served before, curl would try again by itself.
        let server = try ScriptedServer(bodyLimit: { $0 == 0 ? 100_000 : nil }) { _ in .answer(204) }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url, version: .v1))
        let batch = StoreSamples.batch((0..<20_000).map { (SuiteSamples.series(), Int64($0), Double($0)) })
        let error = await #expect(throws: StoreError.self) { try await store.write([batch]) }
        #expect(error?.kind == .unavailable)
        try await store.write([batch])
        let bodies = server.requests.filter { $0.path == "/write" }.map(\.body)
        #expect(
            bodies == [String(decoding: LineProtocolTests.bodies([batch], maxBytes: 4 << 20)[0].lines, as: UTF8.self)])
    }

    @Test("what was stored after the client gave up is written again, in the same bytes")
    func late() async throws {
        let bodies = Mutex<[String]>([])
        let server = try StoreErrorTests.server { request in
            bodies.withLock { $0.append(request.body) }
            return bodies.withLock { $0.count } == 1 ? .silence : .answer(204)
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url, timeout: .milliseconds(200)))
        let batch = StoreSamples.batch((0..<50).map { (SuiteSamples.series(), Int64($0), Double($0) / 7) })
        let error = await #expect(throws: StoreError.self) { try await store.write([batch]) }
        #expect(error?.kind == .unavailable)
        try await store.write([batch])
        #expect(bodies.withLock { $0[0] == $0[1] && $0.count == 2 })
    }
}
