import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("The gateway, asked over a socket", .timeLimit(.minutes(20)))
struct GatewayTests {
    @Test("lists tell how many entries they hold and how many there are, page by page")
    func pages() async throws {
        try await GatewayStage.with(store: filledStore(gpus: 7)) { stage in
            var seen: [String] = []
            for offset in stride(from: 0, to: 9, by: 3) {
                let page = try await stage.json("/api/v1/gpus?limit=3&offset=\(offset)")
                let data = try #require(page["data"] as? [[String: Any]])
                #expect(page["count"] as? Int == data.count)
                #expect(page["total"] as? Int == 7)
                seen += data.compactMap { $0["uuid"] as? String }
            }
            #expect(seen == (0..<7).map { "GPU-\($0)" })
            let all = try await stage.json("/api/v1/gpus")
            #expect(all["count"] as? Int == 7)
        }
    }

    @Test("a GPU, its metrics and its samples have all members, and hostile texts arrive as they are")
    func oneGPU() async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let gpu = try await stage.json("/api/v1/gpus/GPU-1")
            #expect(gpu["hostname"] as? String == "host-1")
            #expect(gpu["pod"] as? String == hostile)
            #expect(gpu["first_seen"] as? String == "2025-07-18T20:42:34Z")
            #expect(gpu["last_seen"] as? String == "2025-07-18T20:42:38Z")
            let metrics = try await stage.json("/api/v1/gpus/GPU-1/metrics")
            #expect(
                (metrics["data"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == [
                    "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE",
                ])
            let samples = try await stage.json("/api/v1/gpus/GPU-1/telemetry?metric_name=DCGM_FI_DEV_POWER_USAGE")
            let data = try #require(samples["data"] as? [[String: Any]])
            #expect(data.compactMap { $0["value"] as? Double } == [1.125, 11.125, 21.125, 31.125, 41.125])
            #expect(data.allSatisfy { ($0["labels"] as? [String: String]) == ["note": hostile] })
        }
    }

    @Test(
        "time filters are inclusive, with offsets from UTC and fractions",
        arguments: [
            ("", 10), ("?start_time=2025-07-18T20:42:36Z", 6), ("?end_time=2025-07-18T20:42:36Z", 6),
            ("?start_time=2025-07-18T22:42:36%2B02:00&end_time=2025-07-18T20:42:37.5Z", 4),
            ("?start_time=2030-01-01T00:00:00Z", 0),
            ("?limit=3&offset=8", 2), ("?limit=3&offset=100", 0),
        ])
    func timeFilters(query: String, count: Int) async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let page = try await stage.json("/api/v1/gpus/GPU-0/telemetry\(query)")
            #expect(page["count"] as? Int == count)
        }
    }

    @Test(
        "bad requests are refused with a status, a code and a message that names the thing",
        arguments: [
            ("/api/v1/gpus?limit=0", 400, "limit=0"), ("/api/v1/gpus?limit=1001", 400, "limit=1001"),
            ("/api/v1/gpus?limit=ten", 400, "limit=ten"),
            ("/api/v1/gpus?limit=1&limit=2", 400, "limit is given more than once"),
            ("/api/v1/gpus?offset=-1", 400, "offset=-1"),
            ("/api/v1/gpus?offset=99999999999999999999", 400, "offset=99999999999999999999"),
            ("/api/v1/gpus?order=up", 400, "order=up must be one of asc, desc"),
            ("/api/v1/gpus?colour=red", 400, "colour is not a parameter"),
            ("/api/v1/gpus?hostname=", 400, "hostname is empty"),
            ("/api/v1/gpus?limit=%zz", 400, "invalid escape"), ("/api/v1/gpus/GPU-9", 404, "GPU-9"),
            ("/api/v1/gpus/GPU-9/metrics", 404, "GPU-9"),
            ("/api/v1/gpus/GPU-9/telemetry", 404, "GPU-9"), ("/api/v1/gpus/GPU-9/telemetry/export", 404, "GPU-9"),
            ("/api/v1/gpus/%ff", 400, "invalid escape"),
            ("/api/v1/gpus/GPU-0/telemetry?start_time=yesterday", 400, "start_time=yesterday"),
            (
                "/api/v1/gpus/GPU-0/telemetry?start_time=2025-07-19T00:00:00Z&end_time=2025-07-18T00:00:00Z", 400,
                "is after end_time"
            ),
            ("/api/v1/gpus/GPU-0/telemetry?metric_name=", 400, "metric_name is empty"),
            ("/api/v1/gpus/GPU-0/telemetry/export?format=xml", 400, "format=xml"),
            ("/api/v2/gpus", 404, "/api/v2/gpus"),
            ("/api/v1/telemetry?cursor=abc", 400, "cursor=abc"), ("/api/v1/gpus/GPU-9/latest", 404, "GPU-9"),
            ("/api/v1/query/aggregate", 400, "metric_name is missing"),
            ("/api/v1/query/aggregate?metric_name=a&window=0s", 400, "window=0s"),
            ("/api/v1/query/aggregate?metric_name=a&function=median", 400, "function=median"),
            ("/api/v1/gpus/", 404, "/api/v1/gpus/"), ("/swagger/../../etc/passwd", 404, "not served"),
            ("/swagger/%2e%2e%2fREADME.md", 404, "not served"),
        ])
    func badRequests(path: String, status: Int, message: String) async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let answer = try await stage.get(path)
            #expect(answer.status == status)
            #expect(answer.header("content-type") == "application/problem+json")
            let body = try #require(JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
            #expect(body["error"] as? String == (status == 404 ? "not_found" : "bad_request"))
            let told = body["message"] as? String ?? ""
            #expect(told.contains(message), "\(answer.text)")
            // The members of RFC 9457 say the same.
            #expect(body["detail"] as? String == told)
            #expect(body["status"] as? Int == status)
            #expect(body["title"] as? String == (status == 404 ? "Not Found" : "Bad Request"))
            #expect(body["type"] as? String == "about:blank")
        }
    }

    @Test("methods beside GET, HEAD and OPTIONS are refused with those that are allowed")
    func methods() async throws {
        try await GatewayStage.with { stage in
            let refused = try await stage.get("/api/v1/gpus", method: "DELETE")
            #expect(refused.status == 405)
            #expect(refused.header("allow") == "GET, HEAD, OPTIONS")
            #expect(try await stage.get("/api/v1/gpus", method: "OPTIONS").status == 204)
        }
    }

    @Test("with a token, the data are for those who have it, and the probes are for everybody")
    func token() async throws {
        try await GatewayStage.with({ $0.apiToken = "secret" }, store: filledStore()) { stage in
            for headers in [
                [], [("Authorization", "Bearer wrong!")], [("Authorization", "Basic secret")],
                [("Authorization", "Bearer ")],
            ] {
                let answer = try await stage.get("/api/v1/gpus", headers: headers.map { (name: $0.0, value: $0.1) })
                #expect(answer.status == 401)
                #expect(answer.header("www-authenticate") == "Bearer")
            }
            #expect(
                try await stage.get("/api/v1/gpus", headers: [(name: "Authorization", value: "bearer secret")]).status
                    == 200)
            for path in ["/health", "/ready", "/metrics", "/openapi.json", "/swagger/index.html", "/"] {
                #expect(try await stage.get(path).status == 200)
            }
        }
    }

    @Test("readiness tells each check, and 503 where one fails; liveness stays")
    func readiness() async throws {
        let isConnected = Atomic(false)
        try await GatewayStage.with({
            $0.readiness = {
                let ready = isConnected.load(ordering: .relaxed)
                return [
                    .init(
                        name: "queue", isReady: ready, detail: ready ? "connected" : "no connection to 127.0.0.1:9000")
                ]
            }
        }) { stage in
            let answer = try await stage.get("/ready")
            #expect(answer.status == 503)
            #expect(answer.text.contains("no connection to 127.0.0.1:9000"))
            #expect(try await stage.get("/health").status == 200)
            isConnected.store(true, ordering: .relaxed)
            #expect(try await stage.get("/ready").status == 200)
        }
    }

    @Test("a store that is away is 503 with its words, and when to ask again")
    func storeAway() async throws {
        let gateway = Gateway(
            store: AwayStore(),
            configuration: {
                var configuration = Gateway.Configuration()
                configuration.port = 0
                return configuration
            }())
        let port = try await gateway.start()
        let client = try CurlClient()
        let answer = try await client.send(CurlRequest(url: "http://127.0.0.1:\(port)/api/v1/gpus"))
        #expect(answer.status == 503)
        #expect(answer.header("retry-after") == "7")
        #expect(answer.text.contains("store_unavailable") && answer.text.contains("db:8086"))
        #expect(
            try await client.send(CurlRequest(url: "http://127.0.0.1:\(port)/metrics")).text.contains(
                "gateway_store_up 0"))
        client.close()
        await gateway.shutdown(within: .zero)
    }

    @Test("metrics count requests by route and status, never by the client's path")
    func prometheus() async throws {
        try await GatewayStage.with(
            { $0.metrics = { $0.appendMetric("extra_metric", .gauge, "One more.", 1) } }, store: filledStore()
        ) { stage in
            for n in 0..<3 { _ = try await stage.get("/api/v1/gpus/GPU-\(n + 2)") }
            _ = try await stage.get("/nowhere/at/all")
            let text = try await stage.get("/metrics").text
            #expect(
                text.contains(#"gateway_request_duration_seconds_count{route="/api/v1/gpus/{uuid}",status="404"} 2"#))
            #expect(text.contains(#"gateway_request_duration_seconds_count{route="unmatched",status="404"} 1"#))
            #expect(text.contains("gateway_store_samples 30"))
            #expect(text.contains("extra_metric 1"))
            #expect(!text.contains("nowhere"))
        }
    }

    @Test("a port in use is named")
    func portInUse() async throws {
        try await GatewayStage.with { stage in
            var configuration = Gateway.Configuration()
            configuration.port = stage.port
            let second = Gateway(store: stage.store, configuration: configuration)
            await #expect { _ = try await second.start() } throws: { "\($0)".contains("127.0.0.1:\(stage.port)") }
        }
    }
}

/// A store whose database cannot be reached.
private struct AwayStore: TelemetryStore {
    private let error = StoreError(.unavailable, "db:8086: connection refused", retryAfter: .seconds(7))

    func write(_ batches: [MetricBatch]) async throws { throw error }
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> { throw error }
    func gpu(uuid: String) async throws -> GPUInfo? { throw error }
    func metrics(uuid: String?) async throws -> [MetricSummary] { throw error }
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> { throw error }
    func statistics() async throws -> StoreStatistics { throw error }
    func checkHealth() async throws { throw error }
    func close() async {}
}
