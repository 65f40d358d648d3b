import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Pages of the gateway", .timeLimit(.minutes(20)))
struct PageTests {
    /// What tells a sample, of an answer.
    private func names(_ data: [[String: Any]]) -> [String] {
        data.map { "\($0["timestamp"] ?? "")/\($0["metric_name"] ?? "")/\($0["uuid"] ?? "")" }
    }

    /// Follows `next` to the last page.
    private func walk(_ stage: GatewayStage, _ path: String, _ afterFirst: () async throws -> Void = {}) async throws
        -> (names: [String], pages: Int)
    {
        var all: [String] = []
        var next: String?
        var pages = 0
        repeat {
            let answer = try await stage.json(path + (next.map { "&cursor=\($0)" } ?? ""))
            let data = try #require(answer["data"] as? [[String: Any]])
            #expect(answer["count"] as? Int == data.count)
            #expect((answer["total"] != nil) == (next == nil))
            all += names(data)
            next = answer["next"] as? String
            pages += 1
            if pages == 1 { try await afterFirst() }
        } while next != nil && pages < 100
        return (all, pages)
    }

    @Test(
        "cursors lead through all samples once, in either order, with pages that end within one time",
        arguments: ["asc", "desc"], [1, 4, 7, 30, 31])
    func cursors(order: String, limit: Int) async throws {
        let store = try await filledStore()
        let wanted = try await store.telemetry(TelemetryQuery(SampleFilter())).items.map(SampleCursor.init)
        let names = wanted.map { "\($0.timestamp)/\($0.metricName)/\($0.uuid)" }
        try await GatewayStage.with(store: store) { stage in
            let walked = try await walk(stage, "/api/v1/telemetry?order=\(order)&limit=\(limit)")
            #expect(walked.names == (order == "asc" ? names : names.reversed()))
            #expect(walked.pages == (30 + limit - 1) / limit)
        }
    }

    @Test("what arrives while pages are read neither doubles nor hides a sample", arguments: ["asc", "desc"])
    func arrivals(order: String) async throws {
        let store = try await filledStore()
        let wanted = Set(
            try await store.telemetry(TelemetryQuery(SampleFilter())).items.map {
                "\($0.timestamp)/\($0.metricName)/\($0.gpu.uuid)"
            })
        try await GatewayStage.with(store: store) { stage in
            let walked = try await walk(stage, "/api/v1/telemetry?order=\(order)&limit=4") {
                let identity = GPUIdentity(
                    gpuID: "9", device: "nvidia9", uuid: "GPU-9", modelName: "NVIDIA H100", hostname: "host-1")
                let series = MetricSeries(metricName: "DCGM_FI_DEV_GPU_TEMP", gpu: identity)
                for time in [0, 2, 9] as [Int64] {
                    let stamp = Timestamp(nanoseconds: 1_752_871_354_000_000_000 + time * 1_000_000_000)
                    let sample = GPUMetric(timestamp: stamp, value: 1, series: series)
                    try await store.write([
                        MetricBatch(batchID: "n", source: "s", collectedAt: stamp, metrics: [sample])
                    ])
                }
            }
            let seen = Set(walked.names)
            #expect(seen.isSuperset(of: wanted))
            #expect(seen.count == walked.names.count)
        }
    }

    @Test("within times and of one GPU the newest come first, by offset and by cursor")
    func newestFirst() async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let path =
                "/api/v1/gpus/GPU-0/telemetry?metric_name=DCGM_FI_DEV_GPU_TEMP&order=desc&end_time=2025-07-18T20:42:37Z"
            let all = try await stage.data(path)
            #expect(all.compactMap { $0["value"] as? Double } == [30, 20, 10, 0])
            let second = try await stage.data(path + "&limit=2&offset=1")
            #expect(second.compactMap { $0["value"] as? Double } == [20, 10])
            let beyond = try await stage.json(path + "&offset=9")
            #expect(beyond["count"] as? Int == 0)
            #expect(beyond["total"] as? Int == 4)
            let first = try await stage.json(path + "&limit=1")
            let next = try #require(first["next"] as? String)
            let from = try await stage.data(path + "&start_time=2025-07-18T20:42:35Z&cursor=\(next)")
            #expect(from.compactMap { $0["value"] as? Double } == [20, 10])
            // A cursor of the other order would lead to pages that nobody means.
            #expect(try await stage.get("/api/v1/gpus/GPU-0/telemetry?order=asc&cursor=\(next)").status == 400)
        }
    }

    @Test("Link names the next page, with the filters of this one, and the last page has none")
    func link() async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            var path = "/api/v1/telemetry?metric_name=DCGM_FI_DEV_GPU_TEMP&uuid=GPU-0&uuid=GPU-2&limit=4&offset=0"
            var seen: [String] = []
            for _ in 0..<3 {
                let answer = try await stage.get(path)
                let body = try #require(JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
                seen += names(try #require(body["data"] as? [[String: Any]]))
                guard let link = answer.header("link") else { break }
                #expect(link.hasPrefix("</api/v1/telemetry?metric_name=") && link.hasSuffix(">; rel=\"next\""))
                path = String(link.dropFirst().prefix { $0 != ">" })
            }
            #expect(seen.count == 10)
            #expect(Set(seen).count == 10)
            let gpus = try await stage.get("/api/v1/gpus?limit=2&sort=uuid")
            #expect(gpus.header("link") == "</api/v1/gpus?limit=2&sort=uuid&offset=2>; rel=\"next\"")
            #expect(try await stage.get("/api/v1/gpus?limit=2&offset=2").header("link") == nil)
        }
    }

    @Test("a cursor is a text for URLs, of any names, and nothing else is a cursor")
    func cursorTexts() {
        for name in ["DCGM_FI_DEV_GPU_TEMP", "a/b c%", hostile, "", "é𝄞"] {
            for order in PageCursor.Order.allCases {
                let place = SampleCursor(timestamp: Timestamp(nanoseconds: -7), metricName: name, uuid: "GPU-\(name)")
                let cursor = PageCursor(order: order, position: place)
                let text = cursor.description
                #expect(
                    text.utf8.allSatisfy {
                        $0 == 45 || $0 == 95 || (48...57).contains($0) || (65...90).contains($0)
                            || (97...122).contains($0)
                    })
                #expect(PageCursor(text) == cursor)
                #expect(PageCursor(text + "A") == nil)
            }
        }
        for text in ["", "abc", "====", "MWE", "MmE3LzE", "é"] { #expect(PageCursor(text) == nil) }
    }

    @Test(
        "GPUs come in every order, and by host and model",
        arguments: [
            ("sort=host", ["a", "b", "c"]), ("sort=host&order=desc", ["c", "b", "a"]), ("sort=uuid", ["c", "a", "b"]),
            ("sort=model", ["b", "a", "c"]), ("sort=last_seen&order=desc", ["b", "c", "a"]),
            ("hostname=h1", ["a", "b"]),
            ("model=X&model=Y", ["a", "b", "c"]), ("model=Y&hostname=h1", ["a"]), ("sort=uuid&limit=1&offset=1", ["a"]),
        ])
    func gpuOrders(query: String, devices: [String]) async throws {
        let store = MemoryStore()
        for (device, uuid, model, host, id, seen) in [
            ("a", "U2", "Y", "h1", "0", 1), ("b", "U3", "X", "h1", "1", 3), ("c", "U1", "Y", "h2", "0", 2),
        ] {
            let identity = GPUIdentity(gpuID: id, device: device, uuid: uuid, modelName: model, hostname: host)
            let sample = GPUMetric(
                timestamp: Timestamp(nanoseconds: Int64(seen)), value: 1,
                series: MetricSeries(metricName: "m", gpu: identity))
            try await store.write([
                MetricBatch(batchID: "b", source: "s", collectedAt: sample.timestamp, metrics: [sample])
            ])
        }
        try await GatewayStage.with(store: store) { stage in
            let data = try await stage.data("/api/v1/gpus?\(query)")
            #expect(data.compactMap { $0["device"] as? String } == devices)
        }
    }

    @Test("the newest sample of every metric, of one GPU and of all")
    func latest() async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let one = try await stage.data("/api/v1/gpus/GPU-2/latest")
            #expect(one.compactMap { $0["value"] as? Double } == [42, 42.125])
            let temperatures = try await stage.json(
                "/api/v1/telemetry/latest?metric_name=DCGM_FI_DEV_GPU_TEMP&limit=2&offset=1")
            #expect(temperatures["total"] as? Int == 3)
            let data = try #require(temperatures["data"] as? [[String: Any]])
            #expect(data.compactMap { $0["value"] as? Double } == [41, 42])
            #expect(try await stage.data("/api/v1/telemetry/latest?hostname=none").isEmpty)
            #expect(try await stage.data("/api/v1/gpus/GPU-2/latest?metric_name=none").isEmpty)
        }
    }

    @Test(
        "aggregates have a number for every window of every group",
        arguments: [
            ("function=max&window=2s", ["GPU-0": [10, 30, 40], "GPU-1": [11, 31, 41], "GPU-2": [12, 32, 42]]),
            ("function=avg&window=1h&group_by=host", ["host-1": [21]]),
            ("function=count&window=2s&group_by=cluster", ["": [6, 6, 3]]),
            ("function=p50&window=1d&group_by=cluster&end_time=2025-07-18T20:42:34Z", ["": [1]]),
            ("function=min&window=1m&uuid=GPU-2&start_time=2025-07-18T20:42:36Z", ["GPU-2": [22]]),
            ("hostname=none", [:]),
        ] as [(String, [String: [Double]])])
    func aggregates(query: String, wanted: [String: [Double]]) async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let answer = try await stage.json("/api/v1/query/aggregate?metric_name=DCGM_FI_DEV_GPU_TEMP&\(query)")
            let data = try #require(answer["data"] as? [[String: Any]])
            #expect(answer["count"] as? Int == wanted.count)
            var found: [String: [Double]] = [:]
            for group in data {
                let points = try #require(group["points"] as? [[String: Any]])
                found[try #require(group["group"] as? String)] = points.compactMap { $0["value"] as? Double }
            }
            #expect(found == wanted)
        }
    }

    @Test("a window that makes more points than anybody can use is refused, by the times that are held")
    func shortWindow() async throws {
        try await GatewayStage.with(store: filledStore(ticks: 20)) { stage in
            let refused = try await stage.get("/api/v1/query/aggregate?metric_name=DCGM_FI_DEV_GPU_TEMP&window=1ms")
            #expect(refused.status == 400)
            #expect(refused.text.contains("window is too short"))
            let wide = "start_time=1970-01-01T00:00:00Z&end_time=2200-01-01T00:00:00Z"
            #expect(
                try await stage.get("/api/v1/query/aggregate?metric_name=DCGM_FI_DEV_GPU_TEMP&window=1s&\(wide)").status
                    == 200)
        }
    }
}
