import FaultSupport
import Foundation
import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("VictoriaMetrics, the real server", .timeLimit(.minutes(20)))
struct VictoriaMetricsStoreTests {
    /// A store of its own for every chapter, told apart by the label `db`.
    static func violations(
        _ server: VictoriaServer, rounds: Int = 15, _ configuration: VictoriaMetricsStore.Configuration
    ) async throws -> [StoreViolation] {
        let databases = Atomic(0)
        let suite = StoreConformance(traits: VictoriaMetricsStore.traits, seeds: [11, 12], rounds: rounds) {
            try await server.flush()
        }
        return try await suite.check {
            var own = configuration
            own.database = "conformance \(databases.wrappingAdd(1, ordering: .relaxed).newValue)"
            return try VictoriaMetricsStore(configuration: own)
        }
    }

    @Test("it keeps every promise within its limits, where the server keeps duplicates")
    func conformance() async throws {
        let server = try await VictoriaServer.start()
        let violations = try await Self.violations(server, .init(url: server.url))
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test("and where the server drops them, and few samples are read at a time")
    func conformanceWithDeduplication() async throws {
        let server = try await VictoriaServer.start(["-dedup.minScrapeInterval=1ms"])
        let violations = try await Self.violations(
            server, rounds: 5, .init(url: server.url, maxBodyBytes: 1000, samplesPerRead: 40))
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test("and through the paths of a cluster's vminsert and vmselect")
    func cluster() async throws {
        let server = try await VictoriaServer.start()
        let cluster = try await VictoriaServer.cluster(of: server, tenant: "42:7")
        let configuration = VictoriaMetricsStore.Configuration(
            vminsert: cluster.url, vmselect: cluster.url, tenant: "42:7")
        #expect(configuration.writeURL == cluster.url + "/insert/42:7/prometheus")
        let violations = try await Self.violations(server, rounds: 5, configuration)
        #expect(violations.isEmpty, "\(violations)")
        let asked = Set(cluster.requests)
        #expect(
            asked.isSuperset(of: [
                "POST /insert/42:7/prometheus/api/v1/import", "POST /select/42:7/prometheus/api/v1/export",
                "POST /select/42:7/prometheus/api/v1/query",
                "POST /select/42:7/prometheus/api/v1/query_range",
            ]))
        let other = try VictoriaMetricsStore(
            configuration: .init(vminsert: cluster.url, vmselect: cluster.url, tenant: "43"))
        let error = await #expect(throws: StoreError.self) { try await other.checkHealth() }
        #expect(error?.kind == .rejected && error?.message.contains("/insert/43/prometheus") == true)
    }

    @Test("a Prometheus client finds a metric under its own name and labels")
    func names() async throws {
        let server = try await VictoriaServer.start()
        let store = try VictoriaMetricsStore(configuration: .init(url: server.url))
        try await store.write([
            StoreSamples.batch([(SuiteSamples.series("DCGM_FI_DEV_GPU_TEMP", pod: "train-0"), 0, 41.5)])
        ])
        try await server.flush()
        let answer = try await server.get(
            "/api/v1/query",
            [
                ("query", "DCGM_FI_DEV_GPU_TEMP{hostname=\"host-1\",pod=\"train-0\"}"), ("time", "1752871355"),
                ("nocache", "1"),
            ])
        for part in [#""__name__":"DCGM_FI_DEV_GPU_TEMP""#, #""db":"gpu_telemetry""#, #""uuid":"GPU-a""#, #""41.5""#] {
            #expect(answer.contains(part))
        }
        #expect(!answer.contains("labels_raw"))
    }

    @Test("what others keep in the same server is not the store's")
    func others() async throws {
        let server = try await VictoriaServer.start()
        let mine = try VictoriaMetricsStore(configuration: .init(url: server.url))
        let other = try VictoriaMetricsStore(configuration: .init(url: server.url, database: "gpu.telemetry"))
        try await other.write([StoreSamples.batch([(SuiteSamples.series(), 0, 1)])])
        try await server.flush()
        #expect(try await mine.statistics().sampleCount == 0)
        #expect(try await other.statistics().sampleCount == 1)
        try await mine.write([StoreSamples.batch([(SuiteSamples.series(), 0, 2)])])
        // The server's own flush comes first, after which it does not forget yet that there was none.
        try await Task.sleep(for: .milliseconds(2500))
        try await server.flush()
        #expect(try await other.telemetry(TelemetryQuery(uuid: "GPU-a")).items.map(\.value) == [1])
        #expect(try await mine.latest(SampleFilter()).map(\.value) == [2])
    }

    @Test("what the server would cut or drop without a word is refused, and says what it is")
    func refused() async throws {
        let server = try await VictoriaServer.start()
        let store = try VictoriaMetricsStore(configuration: .init(url: server.url))
        func refusal(_ series: MetricSeries, at time: Int64 = 0) async -> StoreError? {
            await #expect(throws: StoreError.self) { try await store.write([StoreSamples.batch([(series, time, 1)])]) }
        }
        // The label holds `a="…"`.
        let fits = String(repeating: "x", count: (16 << 10) - 4)
        try await store.write([
            StoreSamples.batch([(SuiteSamples.series("FITS", labels: [MetricLabel(name: "a", value: fits)]), 0, 1)])
        ])
        try await server.flush()
        #expect(try await store.latest(SampleFilter(metricNames: ["FITS"])).first?.labels.first?.value == fits)
        let long = await refusal(SuiteSamples.series("LONG", labels: [MetricLabel(name: "a", value: fits + "x")]))
        #expect(
            long?.kind == .rejected && long?.message.contains("labels_raw of LONG on GPU-a has 16385 bytes") == true)
        let ahead = await refusal(
            SuiteSamples.series("AHEAD"),
            at: Int64(Date().timeIntervalSince1970 + 3 * 86400) * 1_000_000_000 - StoreSamples.start)
        #expect(ahead?.kind == .rejected && ahead?.message.contains("2 days ahead") == true)
    }

    @Test("of a write with samples that are refused the rest is stored, and these are named with the reason")
    func refusedAmongOthers() async throws {
        let server = try await VictoriaServer.start()
        let store = try VictoriaMetricsStore(configuration: .init(url: server.url, maxLabelBytes: 100))
        let (good, long) = (
            SuiteSamples.series("GOOD"), SuiteSamples.series("LONG", pod: String(repeating: "x", count: 101))
        )
        let ahead = Timestamp.now.nanoseconds + 3 * 86_400_000_000_000 - StoreSamples.start
        let millisecond: Int64 = 1_000_000
        let first = StoreSamples.batch([(good, 0, .nan), (long, 0, 1), (good, millisecond, 2), (good, ahead, 3)])
        let second = StoreSamples.batch([(good, 2 * millisecond, 4), (long, 2 * millisecond, 5)])
        let error = await #expect(throws: StoreError.self) { try await store.write([first, second]) }
        let refused = error?.refused ?? []
        #expect(refused.map { $0.batch.values } == [[1], [3], [5]])
        #expect(refused.map { $0.batch.series[0] } == [long, good, long])
        #expect(refused[0].reason.contains("pod of LONG on GPU-a has 101 bytes") && refused[1].reason.contains("ahead"))
        try await server.flush()
        #expect(try await store.telemetry(TelemetryQuery(SampleFilter())).items.map(\.value) == [2, 4])
        await store.close()
    }

    @Test("what a proxy finds too large is sent in halves, each sample once", arguments: [1, 40])
    func tooLarge(seriesCount: Int) async throws {
        let node = try await VictoriaServer.start()
        let proxy = try await VictoriaServer.cluster(of: node, tenant: "0", largestBody: 2000)
        let store = try VictoriaMetricsStore(configuration: .init(vminsert: proxy.url, vmselect: proxy.url))
        let samples: [(MetricSeries, Int64, Double)] = (0..<400).map { (i: Int) in
            (SuiteSamples.series("M\(i % seriesCount)"), Int64(i) * 1_000_000, Double(i))
        }
        try await store.write([StoreSamples.batch(samples)])
        try await node.flush()
        let page = try await store.telemetry(TelemetryQuery(SampleFilter()))
        #expect(page.total == 400 && page.items.map(\.value) == (0..<400).map(Double.init))
        await store.close()
    }

    @Test("what is older than the server's retention is passed over, and the rest is stored")
    func retention() async throws {
        let server = try await VictoriaServer.start(["-retentionPeriod=1d"])
        let store = try VictoriaMetricsStore(configuration: .init(url: server.url))
        let now = Int64(Date().timeIntervalSince1970) * 1_000_000_000 - StoreSamples.start
        try await store.write([StoreSamples.batch([(SuiteSamples.series(), 0, 1), (SuiteSamples.series(), now, 2)])])
        try await server.flush()
        #expect(try await store.telemetry(TelemetryQuery(uuid: "GPU-a")).items.map(\.value) == [2])
        #expect(try await store.latest(SampleFilter()).map(\.value) == [2])
    }

    @Test(
        "a server that is away, refuses or answers nonsense has its kind of error, with its address and without a password"
    )
    func errors() async throws {
        let batch = StoreSamples.batch([(SuiteSamples.series(), 0, 1)])
        for (status, kind) in [
            (400, StoreError.Kind.rejected), (401, .unauthorized), (422, .rejected), (503, .unavailable),
            (200, .invalidAnswer),
        ] {
            let server = try ScriptedServer { _ in .answer(status, ["Retry-After": "7"], "the words") }
            defer { server.stop() }
            let store = try VictoriaMetricsStore(
                configuration: .init(
                    url: server.url.replacing("http://", with: "http://reader:hidden@"), token: "alsohidden"))
            let error = await #expect(throws: StoreError.self) { try await store.latest(SampleFilter()) }
            #expect(error?.kind == kind)
            #expect(error?.message.contains("/api/v1/query") == true && error?.message.contains("hidden") == false)
            if status >= 400 {
                let refused = await #expect(throws: StoreError.self) { try await store.write([batch]) }
                #expect(refused?.kind == kind && refused?.message.contains("the words") == true)
                // Of a sample that is refused there is nothing to try again.
                #expect(refused?.retryAfter == (kind == .rejected ? nil : .seconds(7)))
                #expect(refused?.refused.map(\.batch.count) == (kind == .rejected ? [1] : []))
            }
        }
        for url in ["", "localhost:8428", "ftp://h", "http://", "http://h\r\nX: y"] {
            let error = #expect(throws: StoreError.self) { try VictoriaMetricsStore(configuration: .init(url: url)) }
            #expect(error?.kind == .rejected)
        }
        #expect(throws: StoreError.self) { try VictoriaMetricsStore(configuration: .init(token: "a\r\nX-Injected: b")) }
        let store = try VictoriaMetricsStore(configuration: .init(url: "http://127.0.0.1:\(try freePort())"))
        let error = await #expect(throws: StoreError.self) { try await store.write([batch]) }
        #expect(error?.kind == .unavailable)
    }

    @Test(
        "refused samples are found and the others stored; a response that refuses everything costs a bounded number of requests"
    )
    func refusals() async throws {
        let stored = Mutex<Set<Int64>>([])
        let server = try ScriptedServer { request in
            let times = (try? VictoriaExport.lines(Array(request.body.utf8)))?.flatMap(\.times) ?? []
            let bad = (StoreSamples.start / 1_000_000) + 777
            if times.contains(bad) { return .answer(400, [:], "words that nobody knows") }
            stored.withLock { $0.formUnion(times) }
            return .answer(204)
        }
        defer { server.stop() }
        let batch = StoreSamples.batch(
            (0..<1000).map { (SuiteSamples.series("M_\($0 % 10)"), Int64($0) * 1_000_000, Double($0)) })
        let error = await #expect(throws: StoreError.self) {
            try await VictoriaMetricsStore(configuration: .init(url: server.url)).write([batch])
        }
        #expect(error?.refused.flatMap { $0.batch.metrics.map(\.value) } == [777])
        #expect(error?.refused.first?.reason.contains("words that nobody knows") == true)
        #expect(stored.withLock { $0.count } == 999 && server.requests.count <= 2 + 2 * 11)

        let never = try ScriptedServer { _ in .answer(422, [:], "never") }
        defer { never.stop() }
        let all = await #expect(throws: StoreError.self) {
            try await VictoriaMetricsStore(configuration: .init(url: never.url)).write([batch])
        }
        #expect(all?.refused.reduce(0) { $0 + $1.batch.count } == 1000)
        #expect(never.requests.count <= 1 + 2 * LineTriage.maximumRefusals)
    }

    @Test("a write is sent in pieces of the size that is set, each sample once")
    func pieces() throws {
        for size in [1, 200, 1000, 1 << 20] {
            let batches = (0..<3).map { part in
                StoreSamples.batch(
                    (0..<50).map { (SuiteSamples.series("M_\($0 % 2)"), Int64(part * 50 + $0) * 1_000_000, Double($0)) }
                )
            }
            let lines = VictoriaLines(batches, database: "d", maxBytes: size, maxLabelBytes: 1000)
            let bodies = lines.bodies.map { lines.bytes(of: $0) }
            let samples = try bodies.flatMap { try VictoriaExport.lines($0) }
            #expect(samples.map(\.series.metricName).sorted() == samples.map(\.series.metricName))
            #expect(Set(samples.flatMap(\.times)).count == 150 && samples.reduce(0) { $0 + $1.times.count } == 150)
            #expect(samples[0].series == SuiteSamples.series("M_0"))
            // A line's head is what it is; the rest keeps to the size.
            #expect(bodies.allSatisfy { $0.count < size + 400 })
            #expect((bodies.count == 1) == (size == 1 << 20))
        }
    }
}
