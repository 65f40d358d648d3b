import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

/// Documents of the 3.x interface, written after its reference: no server of that generation can be installed here.
@Suite("InfluxDB 3.x, by its documented answers", .timeLimit(.minutes(20)))
struct InfluxV3Tests {
    static func server(
        databases: String = #"[{"iox::database":"_internal"},{"iox::database":"gpu_telemetry"}]"#,
        _ handler: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Reply
    ) throws -> ScriptedServer {
        try ScriptedServer { request in
            switch (request.method, request.path) {
            case ("GET", "/ping"):
                .answer(200, ["X-Influxdb-Version": "3.2.1"], #"{"version":"3.2.1","revision":"abc"}"#)
            case ("GET", "/api/v3/configure/database"): .answer(200, [:], databases)
            default: handler(request)
            }
        }
    }

    static func answer(_ series: String) -> String { #"{"results":[{"statement_id":0,"series":[\#(series)]}]}"# }

    @Test("a write is lines of line protocol to the database, with the token as bearer")
    func write() async throws {
        let server = try Self.server { _ in .answer(204) }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url, token: "apiv3_x"))
        try await store.write([StoreSamples.batch([(SuiteSamples.series(), 0, 97)])])
        let request = try #require(server.requests.last)
        #expect(request.target == "/api/v3/write_lp?db=gpu_telemetry&precision=nanosecond&accept_partial=true")
        #expect(request.headers["authorization"] == "Bearer apiv3_x")
        #expect(request.body.hasSuffix(" value=97 \(StoreSamples.start)\n"))
        try await store.checkHealth()
    }

    @Test("an absent database is created with the retention period, and not where that is not allowed")
    func create() async throws {
        for status in [200, 409] {
            let server = try Self.server(databases: "[]") {
                $0.path.hasSuffix("database") ? .answer(status, [:], "{}") : .answer(204)
            }
            defer { server.stop() }
            let store = try InfluxDBStore(
                configuration: .init(url: server.url, bucket: "b\"", retentionPeriod: .seconds(7200)))
            try await store.write([StoreSamples.batch([(SuiteSamples.series(), 0, 97)])])
            let created = try #require(server.requests.first { $0.method == "POST" })
            #expect(
                created.path == "/api/v3/configure/database"
                    && created.body == #"{"db":"b\"","retention_period":"7200s"}"#)
            let strict = try InfluxDBStore(configuration: .init(url: server.url, createsBucket: false))
            let error = await #expect(throws: StoreError.self) { try await strict.checkHealth() }
            #expect(error?.kind == .rejected)
        }
    }

    @Test(
        "lines that are listed as refused are dead letters with their own reasons, and the rest is sent again until all is taken"
    )
    func listed() async throws {
        let server = try Self.server { request in
            let lines = request.body.split(separator: "\n")
            // A hundred are listed at most; here it is one.
            guard let bad = lines.firstIndex(where: { $0.contains("value=13 ") || $0.contains("value=17 ") }) else {
                return .answer(204)
            }
            let listed = #"{"original_line":"x","line_number":\#(bad + 1),"error_message":"unlucky"}"#
            return .answer(400, [:], #"{"error":"partial write of line protocol occurred","data":[\#(listed)]}"#)
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let samples = (0..<20).map { (SuiteSamples.series(), Int64($0), Double($0)) }
        let error = await #expect(throws: StoreError.self) { try await store.write([StoreSamples.batch(samples)]) }
        #expect(error?.refused.flatMap { $0.batch.metrics.map(\.value) } == [13, 17])
        #expect(
            error?.refused.allSatisfy { $0.reason.hasSuffix(": unlucky") && $0.reason.contains("partial write") }
                == true)
        let stored = try #require(server.requests.last).body.split(separator: "\n")
        #expect(stored.count == 18)
    }

    @Test("queries are InfluxQL, one statement a request")
    func queries() async throws {
        let server = try Self.server { request in
            let query = request.body.removingPercentEncoding ?? ""
            if query.contains("count(") {
                return .answer(
                    200, [:],
                    Self.answer(#"{"name":"UTIL","tags":{"uuid":"GPU-a"},"columns":["time","value"],"values":[[0,3]]}"#)
                )
            }
            if query.contains("first(") {
                return .answer(
                    200, [:],
                    Self.answer(
                        #"{"name":"UTIL","tags":{"uuid":"GPU-a"},"columns":["time","value"],"values":[[5,1.5]]}"#))
            }
            if query.contains("last(") {
                return .answer(
                    200, [:],
                    Self.answer(
                        #"{"name":"UTIL","tags":{"uuid":"GPU-a"},"columns":["time","value","labels_raw","hostname"],"values":[[9,2.5,null,"host-1"]]}"#
                    ))
            }
            return .answer(
                200, [:],
                Self.answer(#"{"name":"UTIL","columns":["time","value"],"values":[[0,2.5],[60000000000,null]]}"#))
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url, version: .v3))
        let series = try #require(try await store.series(SampleFilter(), limit: 10, offset: 0).items.first)
        #expect(series.sampleCount == 3 && series.firstSeen.nanoseconds == 5 && series.lastSeen.nanoseconds == 9)
        #expect(series.identity.uuid == "GPU-a" && series.identity.hostname == "host-1")
        let aggregate = try await store.aggregate(
            AggregateQuery(
                metricName: "UTIL", filter: SampleFilter(uuids: ["it's"]), function: .p99, window: .seconds(60),
                grouping: .cluster))
        #expect(aggregate == [AggregateSeries(group: "", points: [.init(time: Timestamp(nanoseconds: 0), value: 2.5)])])
        let asked = server.requests.filter { $0.path == "/query" }.compactMap { $0.body.removingPercentEncoding }
        #expect(asked.count == 4 && asked.allSatisfy { !$0.contains("; ") })
        #expect(
            asked.last == #"q=SELECT percentile("value", 99) AS "value" FROM "UTIL" WHERE ("uuid" = 'it\'s')"#
                + " AND time >= -9223372036854775806 AND time <= 9223372036854775806 GROUP BY time(60000000000ns) fill(none)"
        )
        #expect(!server.requests.contains { $0.path == "/ping" })
    }

    @Test("a database that is gone is made anew by the next call")
    func gone() async throws {
        let server = try Self.server { request in
            request.path == "/query"
                ? .answer(404, [:], #"{"error":"database not found: gpu_telemetry"}"#) : .answer(200)
        }
        defer { server.stop() }
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let error = await #expect(throws: StoreError.self) { try await store.statistics() }
        #expect(error?.message.contains("database not found") == true)
        #expect(server.requests.count { $0.path == "/api/v3/configure/database" } > 1)
    }
}
