import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("What an unwilling database is told to be", .timeLimit(.minutes(20)))
struct StoreErrorTests {
    static let batch = StoreSamples.batch([(SuiteSamples.series(), 0, 97)])

    /// A database of 1.x that exists and answers writes as the test says.
    static func server(_ write: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply) throws
        -> ScriptedServer
    {
        try ScriptedServer { request in
            switch request.path {
            case "/ping": .answer(204, ["X-Influxdb-Version": "1.8.10"])
            case "/query":
                .answer(
                    200, [:],
                    #"{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["gpu_telemetry"]]}]}]}"#
                )
            default: write(request)
            }
        }
    }

    @Test(
        "each status has its kind, and the message has the address and the server's words",
        arguments: [
            (400, StoreError.Kind.rejected), (401, .unauthorized), (403, .unauthorized), (404, .rejected),
            (408, .unavailable),
            (422, .rejected), (429, .unavailable), (500, .unavailable), (502, .unavailable), (503, .unavailable),
            (504, .unavailable), (302, .invalidAnswer),
        ])
    func kinds(_ status: Int, _ kind: StoreError.Kind) async throws {
        for body in [
            #"{"error":"the words"}"#, #"{"code":"invalid","message":"the words"}"#, "the words\n",
            #"{"error":["the words"]}"#,
        ] {
            let server = try Self.server { _ in .answer(status, ["Retry-After": "7"], body) }
            defer { server.stop() }
            let store = try InfluxDBStore(configuration: .init(url: server.url))
            let error = await #expect(throws: StoreError.self) { try await store.write([Self.batch]) }
            #expect(error?.kind == kind)
            #expect(error?.message.contains("\(server.url)/write?db=gpu_telemetry") == true)
            #expect(error?.message.contains("the words") == true && error?.message.contains("\(status)") == true)
            // Of lines that the database refuses there is nothing to try again.
            #expect(error?.retryAfter == ([400, 422].contains(status) ? nil : .seconds(7)))
            #expect(error?.refused.map(\.batch.count) == ([400, 422].contains(status) ? [1] : []))
        }
    }

    @Test("a database that sends the same page whatever is asked for is not asked for ever", .timeLimit(.minutes(1)))
    func samePage() async throws {
        let rows = (0..<3).map { _ in #"[5,null]"# }.joined(separator: ",")
        let server = try ScriptedServer { request in
            request.path == "/ping"
                ? .answer(204, ["X-Influxdb-Version": "1.8.10"])
                : .answer(
                    200, [:],
                    #"{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","value"],"values":[\#(rows)]}]}]}"#
                )
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let error = await #expect(throws: StoreError.self) {
            try await store.telemetry(TelemetryQuery(uuid: "u", metricName: "m", limit: 3))
        }
        #expect(error?.kind == .invalidAnswer)
    }

    @Test("no connection, a reset, a cut answer and silence are all unavailability")
    func network() async throws {
        for reply in [ScriptedServer.Reply.reset, .cutShort, .silence] {
            let server = try Self.server { _ in reply }
            defer { server.stop() }
            let store = try InfluxDBStore(configuration: .init(url: server.url, timeout: .milliseconds(100)))
            let error = await #expect(throws: StoreError.self) { try await store.write([Self.batch]) }
            #expect(error?.kind == .unavailable)
            #expect(error?.message.contains(server.url) == true)
        }
        let gone = try Self.server { _ in .reset }
        gone.stop()
        let store = try InfluxDBStore(configuration: .init(url: gone.url))
        let error = await #expect(throws: StoreError.self) { try await store.checkHealth() }
        #expect(error?.kind == .unavailable)
    }

    @Test("a database that comes up later is found by the next call")
    func recovery() async throws {
        let isUp = Mutex(false)
        let server = try ScriptedServer { request in
            guard isUp.withLock({ $0 }) else { return .answer(503, [:], "starting") }
            if request.path == "/ping" { return .answer(204, ["X-Influxdb-Version": "1.8.10"]) }
            return request.body.contains("CREATE%20DATABASE") || request.path == "/write"
                ? .answer(200, [:], #"{"results":[{"statement_id":0}]}"#)
                : .answer(200, [:], #"{"results":[{"statement_id":0,"error":"database not found: gpu_telemetry"}]}"#)
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let error = await #expect(throws: StoreError.self) { try await store.checkHealth() }
        #expect(error?.kind == .unavailable)
        isUp.withLock { $0 = true }
        // One that may write the database need not be able to read it.
        try await store.checkHealth()
        try await store.write([Self.batch])
        let missing = await #expect(throws: StoreError.self) { try await store.statistics() }
        #expect(missing?.message.contains("database not found") == true)
        #expect(server.requests.contains { $0.body.contains("CREATE%20DATABASE") })
    }

    @Test("what is not InfluxDB is told so")
    func otherServers() async throws {
        for version in [nil, "9.9.9", "x"] as [String?] {
            let server = try ScriptedServer { _ in
                .answer(200, version.map { ["X-Influxdb-Version": $0] } ?? [:], "hello")
            }
            defer { server.stop() }
            let error = await #expect(throws: StoreError.self) {
                try await InfluxDBStore(configuration: .init(url: server.url)).checkHealth()
            }
            #expect(error?.kind == .invalidAnswer)
        }
        for body in [
            "", "<html>", "{}", #"{"results":[]}"#,
            #"{"results":[{"series":[{"columns":["time","a"],"values":[[1]]}]}]}"#,
        ] {
            let server = try ScriptedServer {
                $0.path == "/ping" ? .answer(204, ["X-Influxdb-Version": "1.8"]) : .answer(200, [:], body)
            }
            defer { server.stop() }
            let error = await #expect(throws: StoreError.self) {
                try await InfluxDBStore(configuration: .init(url: server.url)).checkHealth()
            }
            #expect(error?.kind == .invalidAnswer, "\(body)")
        }
    }

    @Test("Retry-After is read as seconds and as a date")
    func retryAfter() {
        func wait(_ text: String, date: String? = nil) -> Duration? {
            RetryAfter.wait(
                CurlResponse(status: 503, headers: [("retry-after", text)] + (date.map { [("Date", $0)] } ?? [])))
        }
        #expect(wait("120") == .seconds(120))
        #expect(wait("0") == .zero)
        #expect(wait("Sun, 06 Nov 1994 08:49:37 GMT", date: "Sun, 06 Nov 1994 08:49:07 GMT") == .seconds(30))
        #expect(wait("Sun, 06 Nov 1994 08:49:37 GMT") == .zero)
        for text in ["", "-1", "soon", "Sun, 99 Foo 1994 08:49:37 GMT", "1.5"] { #expect(wait(text) == nil) }
    }

    @Test("a URL or a token that cannot be used is refused at once, and a password never shows in a message")
    func configuration() async throws {
        for url in ["", "localhost:8086", "ftp://h", "http://", "http://a b", "http://h\r\nX: y"] {
            let error = #expect(throws: StoreError.self) { try InfluxDBStore(configuration: .init(url: url)) }
            #expect(error?.kind == .rejected)
        }
        #expect(throws: StoreError.self) { try InfluxDBStore(configuration: .init(token: "a\r\nX-Injected: b")) }
        let server = try Self.server { _ in .answer(401, [:], "no") }
        defer { server.stop() }
        let url = server.url.replacing("http://", with: "http://admin:hidden@")
        let store = try InfluxDBStore(configuration: .init(url: url, token: "alsohidden"))
        let error = await #expect(throws: StoreError.self) { try await store.write([Self.batch]) }
        #expect(error?.kind == .unauthorized)
        #expect(error?.message.contains("hidden") == false)
    }
}
