import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryStores

@Suite("What the words of InfluxDB's refusals mean", .timeLimit(.minutes(20)))
struct InfluxRefusalTests {
    static let old =
        "m,a=b at 2025-07-18T20:42:34Z dropped because it violates a Retention Policy Lower Bound at 2026-01-01T00:00:00Z"
    static let ahead =
        "m,a=b at 2035-07-18T20:42:34Z dropped because it violates a Write Window Upper Bound at 2026-01-01T00:00:00Z"
    static let place = " dropped=3 for database: gpu_telemetry for retention policy: autogen"

    @Test(
        "what is older than the retention period is recognised in the words of every version",
        arguments: [
            "partial write: points beyond retention policy dropped=3",
            "failure writing points to database: partial write: points beyond retention policy dropped=3",
            "partial write: dropped 3 points outside retention policy of duration 24h0m0s - oldest point \(old), newest point \(old)\(place)",
            "failure writing points to database: partial write: dropped 3 points outside retention policy of duration 1h0m0s"
                + " - oldest point \(old), newest point \(old) dropped=3",
            "partial write: dropped 3 points outside retention policy of duration 24h0m0s and 0 points outside write window (-1h to 1h)"
                + " - oldest point \(old), newest point \(old)\(place)",
        ])
    func tooOld(_ said: String) {
        #expect(WriteRefusal.cause(said) == .tooOld)
        #expect(WriteRefusal.dropped(said) == 3)
    }

    @Test(
        "what may lie ahead is not taken for old",
        arguments: [
            "partial write: points beyond retention policy or outside permissible write window\(place)",
            "partial write: dropped 1 points outside retention policy of duration 24h0m0s and 2 points outside write window (1h0m0s)"
                + " - oldest point \(old), newest point \(ahead)\(place)",
        ])
    func window(_ said: String) {
        #expect(WriteRefusal.cause(said) == .outsideWindow)
        #expect(WriteRefusal.dropped(said) == 3)
    }

    @Test(
        "such words within the data, or in an error of another kind, mean nothing",
        arguments: [
            ("", nil), ("points beyond retention policy dropped=3", nil),
            ("see: partial write: points beyond retention policy dropped=3", nil),
            ("unable to parse 'm,a=partial write: points beyond retention policy dropped=3': missing field value", nil),
            ("partial write: unable to parse 'x points beyond retention policy dropped=9' dropped=0", 0),
            (
                #"partial write: field type conflict: input field "points beyond retention policy dropped=1" on measurement "m" is type float dropped=2"#,
                2
            ),
            (
                "partial write: dropped some points outside retention policy of duration 1h0m0s - oldest point x dropped=2",
                2
            ),
            ("partial write: dropped 2 points outside another limit of size 1h0m0s - oldest point x dropped=2", 2),
            ("partial write: dropped 2 points", nil), ("partial write of line protocol occurred", nil),
        ])
    func others(_ said: String, _ dropped: Int?) {
        #expect(WriteRefusal.cause(said) == .lines)
        #expect(WriteRefusal.dropped(said) == dropped)
    }

    /// Refuses every request with the words, and counts.
    private func refused(_ words: String, status: Int = 422, samples: Int) async throws -> (
        error: StoreError?, requests: Int
    ) {
        let server = try StoreErrorTests.server { _ in .answer(status, [:], words) }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let metrics = (0..<samples).map { (SuiteSamples.series("M\($0 % 20)"), Int64($0), Double($0)) }
        let error = await #expect(throws: StoreError.self) { try await store.write([StoreSamples.batch(metrics)]) }
        return (error, server.requests.count { $0.path == "/write" })
    }

    @Test(
        "an error that no version is known to have costs a bounded number of requests, and every sample is a dead letter with its words",
        arguments: [400, 422])
    func unknownWords(_ status: Int) async throws {
        for count in [1, 50, 1000, 20_000] {
            let (error, requests) = try await refused(#"{"error":"the moon is full"}"#, status: status, samples: count)
            #expect(requests <= 1 + 2 * LineTriage.maximumRefusals)
            #expect(error?.refused.reduce(0) { $0 + $1.batch.count } == count)
            #expect(error?.refused.allSatisfy { $0.reason.contains("the moon is full") } == true)
        }
    }

    @Test("a database to which every body is too large is not asked without end either")
    func alwaysTooLarge() async throws {
        let (error, requests) = try await refused("too large", status: 413, samples: 20_000)
        #expect(requests <= 1 + 2 * LineTriage.maximumDivisions)
        #expect(error?.refused.reduce(0) { $0 + $1.batch.count } == 20_000)
    }

    @Test("one refused sample among a thousand costs about two requests for each halving, and the others are stored")
    func oneBad() async throws {
        let stored = Mutex<Set<String>>([])
        let server = try StoreErrorTests.server { request in
            let lines = request.body.split(separator: "\n").map(String.init)
            // As 2.x does with a line that it cannot parse: nothing of the request is stored.
            if lines.contains(where: { $0.contains("value=777 ") }) {
                return .answer(400, [:], #"{"message":"unable to parse 'x dropped=1000'"}"#)
            }
            stored.withLock { $0.formUnion(lines) }
            return .answer(204)
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let metrics = (0..<1000).map { (SuiteSamples.series("M\($0 % 20)"), Int64($0), Double($0)) }
        let error = await #expect(throws: StoreError.self) { try await store.write([StoreSamples.batch(metrics)]) }
        #expect(error?.refused.flatMap { $0.batch.metrics.map(\.value) } == [777])
        #expect(stored.withLock { $0.count } == 999)
        #expect(server.requests.count <= 2 + 2 * 11)
    }

    @Test("outside the write window, what lies ahead is refused and what lies behind is passed over")
    func aheadAndBehind() async throws {
        let now = Timestamp.now.nanoseconds
        let (hour, day) = (Int64(3_600_000_000_000), Int64(86_400_000_000_000))
        let stored = Mutex(0)
        let server = try StoreErrorTests.server { request in
            let times = request.body.split(separator: "\n").map { Int64($0.split(separator: " ").last!)! }
            let (old, ahead) = (times.count { $0 < now - day }, times.count { $0 > now + hour })
            stored.withLock { $0 += times.count - old - ahead }
            if old + ahead == 0 { return .answer(204) }
            return .answer(
                400, [:],
                #"{"error":"partial write: points beyond retention policy or outside permissible write window dropped=\#(old + ahead)"}"#
            )
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let times = [-2 * day, -hour, 2 * hour, -3 * day, 0, 3 * hour].map { $0 + now - StoreSamples.start }
        let error = await #expect(throws: StoreError.self) {
            try await store.write([
                StoreSamples.batch(times.enumerated().map { (SuiteSamples.series(), $1, Double($0)) })
            ])
        }
        #expect(error?.refused.flatMap { $0.batch.metrics.map(\.value) } == [2, 5])
        #expect(stored.withLock { $0 } >= 2)
    }

    @Test("the errors of statements that may pass are known by how they begin")
    func statements() {
        func kind(_ said: String) -> StoreError.Kind? { (InfluxQLConnection.failure(said, said) as? StoreError)?.kind }
        #expect(InfluxQLConnection.failure("database not found: x", "m") is MissingBucket)
        for said in [
            "query-timeout limit exceeded", "timeout", "query interrupted",
            "max-concurrent-queries limit exceeded(1, 1)",
        ] {
            #expect(kind(said) == .unavailable)
        }
        for said in [
            "undefined function timeout()", #"measurement "database not found" is odd"#, "",
            "max-select-point limit exceeed: (2/1)",
        ] {
            #expect(kind(said) == .rejected)
        }
    }
}
