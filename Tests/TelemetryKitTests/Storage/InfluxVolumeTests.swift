import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Many samples in InfluxDB 1.x, the real server", .timeLimit(.minutes(20)))
struct InfluxVolumeTests {
    private static let uuids = (0..<10).map { "GPU-\($0)" }
    private static let ticks = 100_000

    /// A metric of 10 GPUs, 100 ms apart, all at the same times.
    private static func write(_ store: InfluxDBStore, ticks: Int) async throws {
        let series = uuids.map { SuiteSamples.series("UTIL", gpu: $0) }
        for start in stride(from: 0, to: ticks, by: 10_000) {
            var batch = MetricBatch(batchID: "\(start)", source: "test", collectedAt: Timestamp(nanoseconds: 0))
            for one in series { _ = batch.addSeries(one) }
            for tick in start..<min(start + 10_000, ticks) {
                for gpu in 0..<10 {
                    batch.append(
                        seriesIndex: UInt32(gpu), timestamp: StoreSamples.start + Int64(tick) * 100_000_000,
                        value: Double(tick * 10 + gpu))
                }
            }
            try await store.write([batch])
        }
    }

    /// Samples in the order promised have the values 0, 1, 2, ….
    private static func expectRun(
        _ items: [GPUMetric], from start: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isRun = items.enumerated().allSatisfy {
            $1.value == Double(start + $0) && $1.gpu.uuid == uuids[(start + $0) % 10]
        }
        #expect(isRun, sourceLocation: sourceLocation)
    }

    @Test(
        "a million samples of one metric come back by export, by cursor and by offset, from a server that limits rows to 10,000"
    )
    func million() async throws {
        let server = try await InfluxServer.start(http: "max-row-limit = 10000")
        let store = try InfluxDBStore(configuration: .init(url: server.url, timeout: .seconds(300)))
        try await Self.write(store, ticks: Self.ticks)
        let total = 10 * Self.ticks

        var query = TelemetryQuery(SampleFilter(metricNames: ["UTIL"]), limit: 100_000, countsTotal: false)
        var count = 0
        repeat {
            let items = try await store.telemetry(query).items
            Self.expectRun(items, from: count)
            count += items.count
            query.after = items.last.map(SampleCursor.init)
            if items.count < 100_000 { break }
        } while count < 2 * total
        #expect(count == total)

        query.after = nil
        count = 0
        for offset in stride(from: 0, through: total, by: 100_000) {
            query.offset = offset
            query.countsTotal = offset % 500_000 == 0
            let page = try await store.telemetry(query)
            Self.expectRun(page.items, from: offset)
            count += page.items.count
            if query.countsTotal { #expect(page.total == total) }
        }
        #expect(count == total)

        try await GatewayStage.with(store: store) { stage in
            let csv = try await stage.client.send(
                CurlRequest(
                    url: "http://127.0.0.1:\(stage.port)/api/v1/telemetry/export?metric_name=UTIL",
                    timeout: .seconds(600)))
            #expect(csv.status == 200)
            #expect(csv.body.count { $0 == UInt8(ascii: "\n") } == total + 1)
        }
    }

    @Test(
        "limits that the server is given low are not met: of rows, whatever their number",
        arguments: [1, 7, 100, 10_001])
    func lowLimit(_ rows: Int) async throws {
        let server = try await InfluxServer.start(http: "max-row-limit = \(rows)")
        for schema in InfluxDBStore.Configuration.Schema.allCases {
            let store = try InfluxDBStore(
                configuration: .init(url: server.url, bucket: "b_\(schema.rawValue)", schema: schema))
            try await Self.write(store, ticks: 1200)
            let more = (0..<30).map { (SuiteSamples.series("M_\($0 % 15)", gpu: "GPU-\($0)"), Int64($0), Double($0)) }
            try await store.write([StoreSamples.batch(more)])
            let all = try await store.telemetry(TelemetryQuery(SampleFilter(metricNames: ["UTIL"])))
            Self.expectRun(all.items, from: 0)
            #expect(all.items.count == 12_000 && all.total == 12_000)
            let end = try await store.telemetry(
                TelemetryQuery(SampleFilter(metricNames: ["UTIL"]), limit: 50, offset: 11_980))
            Self.expectRun(end.items, from: 11_980)
            #expect(end.items.count == 20)
            let beyond = try await store.telemetry(
                TelemetryQuery(SampleFilter(metricNames: ["UTIL"]), limit: 50, offset: 13_000))
            #expect(beyond.items.isEmpty)
            let statistics = try await store.statistics()
            #expect(statistics.sampleCount == 12_030 && statistics.metricCount == 16 && statistics.gpuCount == 30)
            #expect(try await store.latest(SampleFilter()).count == 40)
            let counts = try await store.aggregate(
                AggregateQuery(metricName: "UTIL", function: .count, window: .milliseconds(100), grouping: .gpu))
            #expect(counts.map(\.points.count) == Array(repeating: 1200, count: 10))
        }
    }

    @Test("in chunks, tables are joined, and a response that ends before the last chunk is no answer")
    func chunks() throws {
        func chunk(_ statement: Int, _ rows: String, isPartial: Bool, uuid: String = "a") -> String {
            #"{"results":[{"statement_id":\#(statement),"series":[{"name":"M","tags":{"uuid":"\#(uuid)"},"columns":["time","value"],"#
                + #""values":[\#(rows)]\#(isPartial ? #","partial":true"# : "")}]\#(isPartial ? #","partial":true"# : "")}]}"#
        }
        let first = chunk(0, "[1,1],[2,2]", isPartial: true)
        let whole = try InfluxQLAnswer(
            Array(
                [
                    first, chunk(0, "[3,3]", isPartial: true), chunk(0, "[1,9]", isPartial: false, uuid: "b"),
                    chunk(1, "[5,5]", isPartial: false),
                ]
                .joined(separator: "\n").utf8))
        #expect(whole.results.map { $0.map(\.times) } == [[[1, 2, 3], [1]], [[5]]] && !whole.isCutOff)
        #expect(try InfluxQLAnswer(Array((first + "\n").utf8)).isCutOff)
        // 1.6 leaves the mark on a table that it has joined itself.
        let joined = first.replacing(#"],"partial":true}]}"#, with: "]}]}")
        #expect(try !InfluxQLAnswer(Array(joined.utf8)).isCutOff)
    }
}
