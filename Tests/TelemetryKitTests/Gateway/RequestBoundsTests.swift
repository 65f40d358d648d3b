import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryHealth
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

/// These go through the table of routes: a route that is added without bounds fails them.
@Suite("What one request may cost, on every route", .timeLimit(.minutes(20)))
struct RequestBoundsTests {
    static let routes = Routes.all(Gateway.Configuration())
    /// They stream what they answer.
    static let streaming = ["/api/v1/gpus/{uuid}/telemetry/export", "/api/v1/telemetry/export", "/api/v1/stream"]

    // MARK: Time

    @Test("each route answers in its time though the store never does, and the store's work is ended")
    func deadline() async throws {
        let store = HangingStore()
        try await GatewayStage.with({ $0.queryTimeout = .milliseconds(200) }, store: store) { stage in
            for route in Self.routes {
                let before = store.asked
                let response = try await stage.get(route.exampleTarget())
                if store.asked == before {
                    #expect([200, 404, 503].contains(response.status), "\(route.path)")
                    #expect(
                        !response.text.contains("QUERY_TIMEOUT"),
                        "\(route.path) keeps waiting for something that is not the store")
                } else if route.path == "/metrics" {
                    #expect(response.status == 200 && response.text.contains("gateway_store_up 0"))
                } else if route.path == "/ready" {
                    #expect(response.status == 503 && response.text.contains("does not respond within"))
                } else {
                    #expect(response.status == (route.acceptsForm ? 503 : 504), "\(route.path)")
                    #expect(response.text.contains("QUERY_TIMEOUT"), "\(route.path)")
                    #expect(!route.isFixed)
                }
                try await eventually("the store's work for \(route.path) ends") { store.ended == store.asked }
            }
            #expect(store.asked > 15)
        }
    }

    @Test("each route stops when its client disconnects")
    func disconnect() async throws {
        let store = HangingStore()
        try await GatewayStage.with({ $0.queryTimeout = .seconds(3600) }, store: store) { stage in
            for route in Self.routes where !route.isFixed && route.path != "/api/v1/stream" {
                let before = store.asked
                var peer: RawPeer? = try RawPeer(port: stage.port)
                try peer?.sendBytes(Array("GET \(route.exampleTarget()) HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
                try await eventually("\(route.path) asks the store") { store.asked > before }
                peer = nil
                try await eventually("\(route.path) stops") { store.ended == store.asked }
            }
            try await eventually("all requests are counted as left by their clients") {
                let metrics = String(decoding: try await stage.get("/metrics").body, as: UTF8.self)
                return metrics.contains(
                    #"gateway_request_duration_seconds_count{route="/api/v1/telemetry",status="499"} 1"#)
            }
        }
    }

    // MARK: Input

    @Test("each route refuses more parameters and a larger body than its limits, and asks the store nothing")
    func input() async throws {
        let store = HangingStore()
        try await GatewayStage.with(store: store) { stage in
            let many = Array(repeating: "a", count: 1001).joined(separator: "&")
            for route in Self.routes {
                let path = route.exampleTarget().prefix { $0 != "?" }
                let response = try await stage.get("\(path)?\(many)")
                #expect(response.status == 400, "\(route.path)")
                #expect(response.text.contains("maxParameters"), "\(route.path)")
                var request = CurlRequest(
                    method: route.acceptsForm ? "POST" : "GET", url: "http://127.0.0.1:\(stage.port)\(path)")
                request.body = [UInt8](repeating: UInt8(ascii: "a"), count: 256 * 1024 + 1)
                request.headers.append((name: "Content-Type", value: "application/x-www-form-urlencoded"))
                let large = try await stage.client.send(request)
                #expect(large.status == 413, "\(route.path)")
                #expect(large.text.contains("262144"), "\(route.path)")
            }
            #expect(store.asked == 0)
        }
    }

    @Test(
        "a form of selectors, queries or patterns beyond the limits is an error that names the limit",
        arguments: [
            ("series", (0..<101).map { "match[]=m\($0)" }.joined(separator: "&"), 400, "maxSelectors"),
            ("labels", (0..<101).map { "match[]=m\($0)" }.joined(separator: "&"), 400, "maxSelectors"),
            ("label/gpu/values", (0..<101).map { "match[]=m\($0)" }.joined(separator: "&"), 400, "maxSelectors"),
            ("query", "query=" + (0..<101).map { "sum(m\($0))" }.joined(separator: "%2B"), 400, "maxSelectors"),
            ("query", "query=" + String(repeating: "a", count: 65_537), 400, "the limit is 65536"),
            (
                "query", "query=" + percentEncoded("a{b=~\"\(String(repeating: "c", count: 16_385))\"}"), 400,
                "the limit is 16384"
            ),
            (
                "series", "match[]=" + percentEncoded("a{b=~\"\(String(repeating: "(a|b)", count: 8_000))\"}"), 400,
                "the limit is 16384"
            ),
            ("series", (0..<70_074).map { "match[]=m\($0)" }.joined(separator: "&"), 413, "262144"),
        ])
    func forms(path: String, form: String, status: Int, words: String) async throws {
        let store = HangingStore()
        try await GatewayStage.with(store: store) { stage in
            var request = CurlRequest(method: "POST", url: "http://127.0.0.1:\(stage.port)/prometheus/api/v1/\(path)")
            request.headers.append((name: "Content-Type", value: "application/x-www-form-urlencoded"))
            request.body = Array(form.utf8)
            let response = try await stage.client.send(request)
            #expect(response.status == status)
            #expect(response.text.contains(words), "\(response.text)")
            #expect(store.asked == 0)
        }
    }

    // MARK: Output

    /// Few samples whose labels are long texts that they share.
    private func longLabels() async throws -> MemoryStore {
        let store = MemoryStore()
        let labels = [MetricLabel(name: "note", value: String(repeating: "n", count: 10_000))]
        var metrics: [GPUMetric] = []
        for gpu in 0..<100 {
            let identity = GPUIdentity(
                gpuID: "\(gpu)", device: "nvidia\(gpu)", uuid: gpu == 0 ? RouteParameters.uuid.example : "GPU-\(gpu)",
                modelName: String(repeating: "m", count: 5_000), hostname: "host-\(gpu)")
            for name in ["DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_TEMP", "a", "b", "c"] {
                let series = MetricSeries(metricName: name, gpu: identity, labels: labels)
                for tick in 0..<20 {
                    let time = Timestamp(nanoseconds: 1_752_871_354_000_000_000 + Int64(tick) * 1_000_000_000)
                    metrics.append(GPUMetric(timestamp: time, value: Double(tick), series: series))
                }
            }
        }
        try await store.write([
            MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0), metrics: metrics)
        ])
        return store
    }

    @Test("each response has at most the bytes of its limit, or is an error that names it, or streams")
    func output() async throws {
        let limit = 48 * 1024
        let values = [
            "limit": "1000", "query": "{__name__=~\".+\"}", "match[]": "{__name__=~\".+\"}", "time": "1752871360",
            "start": "1752871354",
            "end": "1752871374", "step": "1", "window": "1s", "name": "modelName",
        ]
        try await GatewayStage.with({ $0.maxResponseBytes = limit }, store: try await longLabels()) { stage in
            var refused: Set<String> = []
            for route in Self.routes where route.path != "/api/v1/stream" && !route.isFixed {
                let response = try await stage.get(route.exampleTarget(values))
                if Self.streaming.contains(route.path) {
                    #expect(
                        response.status == 200 && response.header("transfer-encoding") == "chunked", "\(route.path)")
                    continue
                }
                #expect(response.body.count <= limit, "\(route.path)")
                if response.status == 422 {
                    refused.insert(route.path)
                    #expect(response.text.contains("MAX_RESPONSE_SIZE"), "\(route.path): \(response.text)")
                } else {
                    #expect(response.status == 200, "\(route.path): \(response.text)")
                }
            }
            let large = [
                "/api/v1/gpus", "/api/v1/gpus/{uuid}/telemetry", "/api/v1/gpus/{uuid}/latest", "/api/v1/telemetry",
                "/api/v1/telemetry/latest", "/api/v1/query/aggregate", "/prometheus/api/v1/query",
                "/prometheus/api/v1/query_range",
                "/prometheus/api/v1/series",
            ]
            #expect(refused.isSuperset(of: large), "\(Set(large).subtracting(refused))")
        }
    }

    @Test("a large list is streamed, and is the same list")
    func streamed() async throws {
        try await GatewayStage.with(store: try await longLabels()) { stage in
            let latest = try await stage.get("/api/v1/telemetry/latest?limit=1000")
            #expect(latest.header("transfer-encoding") == "chunked" && latest.body.count > 5_000_000)
            let json = try #require(JSONSerialization.jsonObject(with: Data(latest.body)) as? [String: Any])
            #expect((json["data"] as? [[String: Any]])?.count == 500 && json["total"] as? Int == 500)
            let range = try await stage.get(
                "/prometheus/api/v1/query_range?query=a%2B0&start=1752871354&end=1752881354&step=1")
            #expect(range.header("transfer-encoding") == "chunked")
            let answer = try #require(JSONSerialization.jsonObject(with: Data(range.body)) as? [String: Any])
            let result = try #require((answer["data"] as? [String: Any])?["result"] as? [[String: Any]])
            // From the first sample to the end of the lookback.
            #expect(result.count == 100 && result.allSatisfy { ($0["values"] as? [Any])?.count == 320 })
        }
    }

    // MARK: Work

    @Test("many selectors cost one look at each series, and one that names a metric only the series of that")
    func selectors() async throws {
        let store = try await longLabels()
        let directory = PrometheusDirectory(store: store, maxBytes: 1 << 30)
        func visits(_ selectors: [String]) async throws -> (series: Int, visits: Int) {
            let before = store.seriesVisits.load(ordering: .relaxed)
            let parsed = try selectors.map { text -> PromQLSelector in try PromQLParser.parse(text).selectors[0] }
            let found = try await directory.series(parsed, from: nil, through: nil)
            return (found.count, store.seriesVisits.load(ordering: .relaxed) - before)
        }
        #expect(try await visits(["a"]) == (100, 100))
        #expect(try await visits((0..<100).map { "m\($0)" } + ["a", "b"]) == (200, 200))
        #expect(try await visits((0..<100).map { "{UUID=\"GPU-\($0)\"}" }) == (495, 495))
        let all = try await visits((0..<99).map { "{__name__=~\".+\", gpu=\"\($0)\"}" } + ["a"])
        // The names are asked for once, which looks at each series once more.
        #expect(all == (496, 1000))
    }

    @Test("every read of the store in memory ends when its task is cancelled, after a bounded number of series")
    func cancelled() async throws {
        let store = MemoryStore()
        let batch = MetricBatch(
            batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0),
            metrics: (0..<3000).map { gpu in
                let identity = GPUIdentity(
                    gpuID: "0", device: "", uuid: "GPU-\(gpu)", modelName: "", hostname: "h\(gpu)")
                return GPUMetric(
                    timestamp: Timestamp(nanoseconds: 1), value: 1, series: MetricSeries(metricName: "a", gpu: identity)
                )
            })
        try await store.write([batch])
        let limits = PromQLLimits()
        let reads: [@Sendable () async throws -> Void] = [
            { _ = try await store.gpus(SampleFilter(), limit: 1, offset: 0) },
            { _ = try await store.metrics(uuid: nil) },
            { _ = try await store.telemetry(TelemetryQuery(SampleFilter(), limit: 1)) },
            { _ = try await store.latest(SampleFilter()) },
            { _ = try await store.series(SampleFilter(), limit: 1, offset: 0) }, { _ = try await store.statistics() },
            {
                _ = try await store.aggregate(
                    AggregateQuery(
                        metricName: "a", filter: SampleFilter(), function: .avg, window: .seconds(1), grouping: .gpu))
            },
            { _ = try await PromQLEngine(store: store, limits: limits).instant(PromQLParser.parse("a"), at: 0) },
            { _ = try await PrometheusDirectory(store: store, maxBytes: .max).series([], from: nil, through: nil) },
            { try await store.forEachSample(SampleFilter()) { _ in } },
        ]
        for (index, read) in reads.enumerated() {
            let before = store.seriesVisits.load(ordering: .relaxed)
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await read()
            }
            await #expect(throws: CancellationError.self, "read \(index)") { try await task.value }
            #expect(store.seriesVisits.load(ordering: .relaxed) - before <= CancellationCheck.interval, "read \(index)")
        }
    }

    @Test("a pattern of ten thousand states stops within a long text when its task is cancelled")
    func pattern() async throws {
        let regex = try LinearRegex("(a?){1000}(a?){1000}(a?){1000}b")
        let text = String(repeating: "a", count: 4_000_000)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return regex.matches(text)
        }
        // Uncancelled it takes about 1e10 steps.
        #expect(await task.value == false)
    }

    @Test("a spelled out pattern of the greatest length is read in steps that grow with its length")
    func literalPattern() throws {
        let long = String(repeating: "abcdefgh", count: 2000)
        #expect(try LinearRegex(long).literals == [long])
        #expect(
            try LinearRegex("(a|b)" + long + "(c|d)").literals == ["a\(long)c", "a\(long)d", "b\(long)c", "b\(long)d"])
        #expect(try LinearRegex(String(repeating: "(a|b)", count: 2000)).literals == nil)
    }

    @Test("an unwanted request ends though the store ignores its cancellation")
    func stubborn() async throws {
        let deadlines = RequestDeadlines()
        let (stream, release) = AsyncStream<Void>.makeStream()
        await #expect(throws: DeadlineExceeded.self) {
            // A task that was cancelled is no reason for this one to end.
            try await deadlines.run(within: .milliseconds(1), on: nil) {
                await Task.detached { for await _ in stream {} }.value
            }
        }
        release.finish()
        #expect(try await deadlines.run(within: .seconds(60), on: nil) { 5 } == 5)
        try await eventually("none is left") { deadlines.count == 0 }
    }

    // MARK: Echo

    @Test(
        "an error echoes no more than a part of a long input",
        arguments: [
            "/LONG", "/api/v1/LONG?a", "/api/v1/gpus/LONG", "/api/v1/gpus?LONG", "/api/v1/gpus?limit=LONG",
            "/api/v1/gpus?sort=LONG",
            "/api/v1/gpus?a=%zLONG", "/api/v1/telemetry?start_time=LONG", "/api/v1/telemetry?cursor=LONG",
            "/api/v1/query/aggregate?metric_name=a&window=LONG", "/dashboard/LONG", "/swagger/LONG",
            "/api/v1/gpus/%zLONG",
            "/prometheus/api/v1/query?query=LONG(", "/prometheus/api/v1/query?query=a%20LONG",
            "/prometheus/api/v1/query?query=LONG(a)",
            "/prometheus/api/v1/query?query=a{b=~%22(LONG%22}", "/prometheus/api/v1/query?query=a{b=~%22[[:LONG:]]%22}",
            "/prometheus/api/v1/query?query=1LONG", "/prometheus/api/v1/query?query=a{LONG",
            "/prometheus/api/v1/query?query=a{LONG=b",
            "/prometheus/api/v1/query?query=count_values(%22LONG-%22,a)", "/prometheus/api/v1/query?query=a&time=LONG",
            "/prometheus/api/v1/query?query=sum%20by%20(LONG-)%20(a)",
            "/prometheus/api/v1/query_range?query=1&start=1&end=2&step=LONG",
            "/prometheus/api/v1/query?query=a%2Bon(LONG)group_left(LONG)b",
            "/prometheus/api/v1/query?query=a&timeout=LONG",
            "/prometheus/api/v1/series?match[]=LONG%2B1", "/prometheus/api/v1/label/LONG-/values",
            "/prometheus/api/v1/labels?LONG=%zLONG",
        ])
    func echo(target: String) async throws {
        try await GatewayStage.with { stage in
            let text = String(repeating: "q", count: 3000)
            let response = try await stage.get(target.replacing("LONG", with: text))
            #expect(response.status >= 400)
            #expect(!response.text.contains(String(repeating: "q", count: 201)), "\(response.text.prefix(400))")
            #expect(response.body.count < 1500)
        }
    }

    @Test(
        "an error of a header or method echoes no more than a part of it",
        arguments: ["Accept: LONG/a", "Host: LONG ?", "Expect: LONG", "X LONG: 1"])
    func echoedHeader(field: String) async throws {
        try await GatewayStage.with { stage in
            let peer = try RawPeer(port: stage.port)
            let text = String(repeating: "q", count: 3000)
            try peer.sendBytes(
                Array(
                    "GET /health HTTP/1.1\r\n\(field.hasPrefix("Host") ? "" : "Host: a\r\n")\(field.replacing("LONG", with: text))\r\nConnection: close\r\n\r\n"
                        .utf8))
            let response = String(decoding: try peer.receiveAll(), as: UTF8.self)
            #expect(response.hasPrefix("HTTP/1.1 4"))
            #expect(!response.contains(String(repeating: "q", count: 201)), "\(response)")
            #expect(response.contains("\r\nX-Content-Type-Options: nosniff\r\n"))
        }
    }
}
