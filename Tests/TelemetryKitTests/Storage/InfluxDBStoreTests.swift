import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryReaders
@testable import TelemetryStores

@Suite("InfluxDB 1.x, the real server", .timeLimit(.minutes(20)))
struct InfluxDBStoreTests {
    @Test("both stores answer alike on the real export", .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() async throws {
        var reader = try DCGMReader(path: RealExport.path)
        var rows = DCGMRows()
        try reader.read(into: &rows)
        let batches = stride(from: 0, to: rows.count, by: 500).map { start in
            var batch = MetricBatch(batchID: "\(start)", source: "test", collectedAt: Timestamp(nanoseconds: 0))
            for series in reader.series { _ = batch.addSeries(series) }
            for i in start..<min(start + 500, rows.count) {
                batch.append(seriesIndex: rows.seriesIndices[i], timestamp: rows.timestamps[i], value: rows.values[i])
            }
            return batch
        }
        let server = try await InfluxServer.start()
        let influx = try InfluxDBStore(configuration: .init(url: server.url))
        let memory = MemoryStore()
        try await memory.write(batches)
        try await influx.write(batches)
        try await influx.write(batches)

        let statistics = try await memory.statistics()
        #expect(statistics.sampleCount == 2470)
        #expect(statistics.gpuCount == 247)
        #expect(statistics.metricCount == 10)
        #expect(statistics.hostCount == 31)
        #expect(try await influx.statistics() == statistics)
        let allMetrics = try await memory.metrics(uuid: nil)
        #expect(try await influx.metrics(uuid: nil) == allMetrics)
        let gpus = try await memory.gpus(limit: 1000, offset: 0)
        #expect(gpus.total == 247)
        #expect(try await influx.gpus(limit: 1000, offset: 0).items == gpus.items)
        #expect(try await influx.gpus(limit: 7, offset: 100).items == Array(gpus.items[100..<107]))
        for info in gpus.items {
            let uuid = info.identity.uuid
            let held = try await memory.telemetry(TelemetryQuery(uuid: uuid))
            #expect(held.total == 10)
            #expect(try await influx.telemetry(TelemetryQuery(uuid: uuid)).items == held.items)
        }
        let some = gpus.items[42].identity.uuid
        let oneGPU = try await memory.gpu(uuid: some)
        #expect(try await influx.gpu(uuid: some) == oneGPU)
        let itsMetrics = try await memory.metrics(uuid: some)
        #expect(try await influx.metrics(uuid: some) == itsMetrics)
        await influx.close()
    }

    @Test("a database that is absent is created with the retention period; one that is there stays as it is")
    func creation() async throws {
        let server = try await InfluxServer.start()
        let first = try InfluxDBStore(
            configuration: .init(
                url: server.url, bucket: "o'dd \"name\"; DROP DATABASE x", retentionPeriod: .seconds(7200)))
        try await first.checkHealth()
        let client = try CurlClient()
        func ask(_ statement: String) async throws -> String {
            try await client.send(
                CurlRequest(method: "POST", url: server.url + "/query?" + formEncoded([("q", statement)]), body: [])
            ).text
        }
        let databases = try await ask("SHOW DATABASES")
        #expect(databases.contains(#"o'dd \"name\"; DROP DATABASE x"#))
        let policies = try await ask(#"SHOW RETENTION POLICIES ON "o'dd \"name\"; DROP DATABASE x""#)
        #expect(policies.contains(#""telemetry","2h0m0s","#))
        let strict = try InfluxDBStore(configuration: .init(url: server.url, bucket: "absent", createsBucket: false))
        let error = await #expect(throws: StoreError.self) { try await strict.checkHealth() }
        #expect(error?.kind == .rejected)
        #expect(error?.message.contains("absent") == true)
        let again = try InfluxDBStore(
            configuration: .init(url: server.url, bucket: "o'dd \"name\"; DROP DATABASE x", createsBucket: false))
        try await again.checkHealth()
    }

    @Test("samples beyond the retention period are passed over and counted, and the rest is stored")
    func retention() async throws {
        let server = try await InfluxServer.start()
        let store = try InfluxDBStore(configuration: .init(url: server.url, retentionPeriod: .seconds(3600)))
        let now = Int64(Date().timeIntervalSince1970) * 1_000_000_000 - StoreSamples.start
        let series = SuiteSamples.series()
        try await store.write([StoreSamples.batch([(series, 0, 1), (series, now, 2)])])
        #expect(try await store.telemetry(TelemetryQuery(uuid: "GPU-a")).items.map(\.value) == [2])
        #expect(store.expiredSamples == 1)
    }

    @Test("a database that was dropped is made anew by the next call")
    func droppedDatabase() async throws {
        let server = try await InfluxServer.start()
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let batch = StoreSamples.batch([(SuiteSamples.series(), 0, 1)])
        let client = try CurlClient()
        for _ in 0..<2 {
            try await store.write([batch])
            #expect(try await store.statistics().sampleCount == 1)
            _ = try await client.send(
                CurlRequest(method: "POST", url: server.url + "/query?q=DROP%20DATABASE%20gpu_telemetry", body: []))
        }
        #expect(try await store.statistics().sampleCount == 0)
    }

    @Test("what the server finds too large is stored in halves")
    func tooLarge() async throws {
        let server = try await InfluxServer.start(maximumBodySize: 10_000)
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        let series = SuiteSamples.series(labels: [MetricLabel(name: "a", value: "line\nfeed")])
        try await store.write([StoreSamples.batch((0..<2000).map { (series, Int64($0), Double($0)) })])
        #expect(try await store.statistics().sampleCount == 2000)
        // A single line that is too large cannot be halved.
        let long = SuiteSamples.series(labels: [MetricLabel(name: "a", value: String(repeating: "x", count: 20_000))])
        let batch = StoreSamples.batch([(series, 3000, 1), (long, 0, 1), (series, 3001, 1)])
        let error = await #expect(throws: StoreError.self) { try await store.write([batch]) }
        #expect(error?.kind == .rejected && error?.refused.map { Array($0.batch.metrics) } == [[batch.metrics[1]]])
        #expect(error?.message.contains(server.url) == true && error?.message.contains("413") == true)
        #expect(try await store.statistics().sampleCount == 2002)
    }

    @Test(
        "where another program has given a field another type, those samples are refused by name and all others are stored"
    )
    func typeConflict() async throws {
        let server = try await InfluxServer.start()
        for schema in InfluxDBStore.Configuration.Schema.allCases {
            let store = try InfluxDBStore(configuration: .init(url: server.url, bucket: "db", schema: schema))
            try await store.checkHealth()
            let client = try CurlClient()
            func put(_ line: String) async throws {
                let answer = try await client.send(
                    CurlRequest(method: "POST", url: server.url + "/write?db=db", body: Array(line.utf8)))
                #expect(answer.status == 204, "\(answer.text)")
            }
            // A field has its type for each shard of time, a week.
            try await put(
                schema == .narrow ? "UTIL value=1i \(StoreSamples.start)" : "gpu UTIL=\"x\" \(StoreSamples.start)")
            let (util, memory) = (
                SuiteSamples.series(), SuiteSamples.series("MEM", labels: [MetricLabel(name: "a", value: "b")])
            )
            var samples: [(MetricSeries, Int64, Double)] = []
            for i in 0..<500 { samples += [(util, Int64(i), Double(i)), (memory, Int64(i), Double(i))] }
            // Years later there is no conflict.
            let later = Int64(86_400_000_000_000 * 1000)
            samples += [(util, later, 1), (memory, later, .nan)]
            let batches = [StoreSamples.batch(Array(samples[..<333])), StoreSamples.batch(Array(samples[333...]))]
            let error = await #expect(throws: StoreError.self) { try await store.write(batches) }
            let refused = error?.refused ?? []
            #expect(refused.allSatisfy { $0.reason.contains("field type conflict") })
            let written: [GPUMetric] = batches.flatMap(\.metrics).filter { $0.metricName == "UTIL" }
            #expect(refused.flatMap { Array($0.batch.metrics) } == Array(written.dropLast()))
            let stored = try await store.telemetry(TelemetryQuery(SampleFilter(metricNames: ["MEM"])))
            #expect(stored.total == 500 && stored.items.map(\.value) == (0..<500).map(Double.init))
            let years = try await store.telemetry(
                TelemetryQuery(
                    SampleFilter(
                        metricNames: ["UTIL"], startTime: Timestamp(nanoseconds: StoreSamples.start + later))))
            #expect(years.items.map(\.value) == [1])
            _ = try await client.send(
                CurlRequest(method: "POST", url: server.url + "/query?q=DROP%20DATABASE%20db", body: []))
        }
    }

    @Test("container, pod and namespace as tags read back the same")
    func workloadTags() async throws {
        let server = try await InfluxServer.start()
        let store = try InfluxDBStore(configuration: .init(url: server.url, workloadTags: true))
        let series = SuiteSamples.series(pod: "train, 1")
        try await store.write([StoreSamples.batch([(series, 0, 1), (SuiteSamples.series(), 1, 2)])])
        let read = try await store.telemetry(TelemetryQuery(uuid: "GPU-a")).items
        #expect(read.map(\.series) == [series, SuiteSamples.series()])
        #expect(try await store.gpu(uuid: "GPU-a")?.identity == SuiteSamples.series().gpu)
    }

    @Test("writers and readers at once lose nothing")
    func concurrency() async throws {
        let server = try await InfluxServer.start()
        let store = try InfluxDBStore(configuration: .init(url: server.url, maxBodyBytes: 20_000))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    let series = SuiteSamples.series("M_\(writer)")
                    for part in 0..<5 {
                        try await store.write([
                            StoreSamples.batch((0..<400).map { (series, Int64(part * 400 + $0), 1) })
                        ])
                        _ = try await store.telemetry(TelemetryQuery(uuid: "GPU-a", limit: 10))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.statistics().sampleCount == 8 * 2000)
        await store.close()
        let closed = await #expect(throws: StoreError.self) { try await store.checkHealth() }
        #expect(closed?.kind == .unavailable)
    }
}
