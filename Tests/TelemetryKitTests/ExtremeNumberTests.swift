import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryScraping
@testable import TelemetryStores

@Suite("No number from outside stops a reader, a store or the gateway", .timeLimit(.minutes(5)))
struct ExtremeNumberTests {
    static let extremes = [
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "4294967296",
        "2147483648", "0", "-0", "-1",
        "1.5", "1e300", "-1e300", "1e400", "NaN", "Inf", "-Inf", "0x7fffffffffffffff", "9223372036854775807s", "292y",
        "-292y", "999999999d",
        "1677-09-21T00:12:43.145224192Z", "2262-04-11T23:47:16.854775807Z", "9999-12-31T23:59:59Z", "",
    ]

    // MARK: The gateway

    /// Every query parameter of every route, from the routes themselves.
    @Test(
        "every query parameter at every extreme is answered with what was asked or with what is wrong",
        arguments: extremes)
    func queryParameters(number: String) async throws {
        let store = try await filledStore()
        let gpu = GPUIdentity(gpuID: "0", device: "nvidia0", uuid: "GPU-e", modelName: "H100", hostname: "h")
        let series = MetricSeries(metricName: "m", gpu: gpu)
        try await store.write([
            MetricBatch(
                batchID: "e", source: "s", collectedAt: Timestamp(nanoseconds: 0),
                metrics: [Int64.min, -1, 0, .max].map {
                    GPUMetric(timestamp: Timestamp(nanoseconds: $0), value: 1, series: series)
                })
        ])
        try await GatewayStage.with({ $0.promQL.maxSamples = 10_000 }, store: store) { stage in
            for route in Routes.all(Gateway.Configuration()) where route.path != "/api/v1/stream" {
                let needed = [
                    "metric_name": "m", "query": "rate(m[5m])", "start": "0", "end": "60", "step": "15s",
                    "match[]": "m",
                ]
                for parameter in route.queryParameters {
                    let others = route.queryParameters.filter { $0.isRequired && $0.name != parameter.name }
                    let query = ([(parameter.name, number)] + others.map { ($0.name, needed[$0.name] ?? "0") })
                    let path = route.path.replacing("{uuid}", with: "GPU-e").replacing("{name}", with: "uuid")
                    let answer = try await stage.get(path + "?" + formEncoded(query))
                    #expect(
                        [200, 400, 404, 422].contains(answer.status),
                        "\(path) \(parameter.name)=\(number): \(answer.text.prefix(200))")
                }
            }
            for query in [
                "m offset N", "m[N]", "rate(m[N] offset N)", "topk(N,m)", "quantile(N,m)", "predict_linear(m[1y],N)",
                "m^N%N", "round(m,N)", "N",
            ] {
                let text = query.replacing("N", with: number)
                for request in [
                    "query?", "query?time=\(percentEncoded(number))&",
                    "query_range?start=0&end=9223372036&step=9223372036&",
                ] {
                    let answer = try await stage.get("/prometheus/api/v1/\(request)query=" + percentEncoded(text))
                    #expect([200, 400, 422].contains(answer.status), "\(text): \(answer.text.prefix(200))")
                }
            }
        }
    }

    // MARK: Databases

    private static func influx(_ body: String) throws -> (ScriptedServer, InfluxDBStore) {
        let server = try ScriptedServer { request in
            request.body.hasPrefix("q=SHOW%20DATABASES")
                ? .answer(
                    200, [:],
                    #"{"results":[{"series":[{"name":"databases","columns":["name"],"values":[["gpu_telemetry"]]}]}]}"#)
                : .answer(200, [:], body)
        }
        return (server, try InfluxDBStore(configuration: .init(url: server.url, version: .v1)))
    }

    /// Every question; what a store answers must be possible.
    private func ask(_ store: some TelemetryStore, _ what: String) async {
        for query in [
            TelemetryQuery(SampleFilter(), limit: 5), TelemetryQuery(SampleFilter(), limit: 5, offset: .max),
            TelemetryQuery(uuid: "u", metricName: "m", limit: 2),
        ] {
            if let page = try? await store.telemetry(query) { #expect(page.total >= 0, "\(what)") }
        }
        if let list = try? await store.series(SampleFilter(), limit: 5, offset: 0) {
            #expect(list.items.allSatisfy { $0.sampleCount >= 0 }, "\(what)")
        }
        if let list = try? await store.metrics(uuid: nil) {
            #expect(list.allSatisfy { $0.sampleCount >= 0 }, "\(what)")
        }
        if let statistics = try? await store.statistics() { #expect(statistics.sampleCount >= 0, "\(what)") }
        _ = try? await store.gpus(SampleFilter(), limit: 5, offset: 0)
        _ = try? await store.latest(SampleFilter())
        _ = try? await store.aggregate(AggregateQuery(metricName: "m", function: .avg, window: .seconds(60)))
    }

    @Test(
        "every number of a database's answer at every extreme is an error, or something that can be",
        arguments: extremes)
    func databases(number: String) async throws {
        for body in [
            #"{"results":[{"series":[{"name":"m","tags":{"uuid":"u"},"columns":["time","value"],"values":[[N,N],[N,N]]},{"name":"n","columns":["time","value"],"values":[[1,N]]}]}]}"#,
            #"{"results":[{"series":[{"columns":["time","value"],"values":[[1,2]],"columns":["x","labels_raw"]}]}]}"#,
        ] {
            let (server, store) = try Self.influx(body.replacing("N", with: number))
            await ask(store, "InfluxDB 1, \(number)")
            await store.close()
            server.stop()
        }
        let annotated =
            "#group,,,,,\n#default,_result,,,,\n,result,table,_time,_value,uuid,_measurement,value\n,,0,1970-01-01T00:00:00Z,N,u,m,N\n,,0,N,N,v,m,N\n"
        let flux = try ScriptedServer { request in
            request.path == "/api/v2/buckets"
                ? .answer(200, [:], #"{"buckets":[{"name":"gpu_telemetry"}]}"#)
                : .answer(200, [:], annotated.replacing("N", with: number))
        }
        let v2 = try InfluxDBStore(configuration: .init(url: flux.url, version: .v2))
        await ask(v2, "InfluxDB 2, \(number)")
        await v2.close()
        flux.stop()
        for body in [
            #"{"data":{"result":[{"metric":{"__name__":"m","uuid":"u","part":"count_over_time"},"value":[1,"N"]},{"metric":{"__name__":"m","uuid":"u","part":"tfirst_over_time"},"value":[N,"N"]},{"metric":{"__name__":"m","uuid":"u","part":"tlast_over_time"},"value":[1,"N"]}]}}"#,
            #"{"data":{"result":[{"metric":{"__name__":"m","rollup":"tlast_over_time"},"value":[1,"N"]},{"metric":{"__name__":"m","rollup":"last_over_time"},"value":[1,"N"]}]}}"#,
            #"{"metric":{"__name__":"m","uuid":"u"},"values":[N,N],"timestamps":[N,N]}"#,
        ] {
            let server = try ScriptedServer { _ in .answer(200, [:], body.replacing("N", with: number)) }
            let store = try VictoriaMetricsStore(configuration: .init(url: server.url))
            await ask(store, "VictoriaMetrics, \(number)")
            await store.close()
            server.stop()
        }
    }

    @Test("a refusal that lists lines that are none, and a wait of a lifetime, are taken for what they can be")
    func refusals() async throws {
        let series = MetricSeries(
            metricName: "m", gpu: GPUIdentity(gpuID: "0", device: "d", uuid: "u", modelName: "H", hostname: "h"))
        let samples = (0..<3).map { GPUMetric(timestamp: Timestamp(nanoseconds: $0), value: 1, series: series) }
        let batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0), metrics: samples)
        let lines = try ScriptedServer { request in
            request.path == "/api/v3/configure/database"
                ? .answer(200, [:], #"[{"iox::database":"gpu_telemetry"}]"#)
                : .answer(
                    400, [:],
                    #"{"error":"partial","data":[{"line_number":-9223372036854775808,"error_message":"x"},{"line_number":0,"error_message":"x"},{"line_number":9223372036854775807,"error_message":"x"}]}"#
                )
        }
        defer { lines.stop() }
        let error = await #expect(throws: StoreError.self) {
            try await InfluxDBStore(configuration: .init(url: lines.url, version: .v3)).write([batch])
        }
        #expect(error?.refused.reduce(0) { $0 + $1.batch.count } == 3)
        for text in [
            "4294967295", "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 9223372036854775807:59:59 GMT",
            "9223372036854775807", "-1",
        ] {
            let wait = RetryAfter.wait(CurlResponse(status: 503, headers: [("Retry-After", text)]))
            #expect(wait.map { $0 >= .zero && $0 <= .seconds(3600) } ?? true, "\(text)")
        }
    }

    // MARK: Sources

    @Test("intervals, rates and waits of any size are kept as well as they can be")
    func decisions() {
        for interval in [
            Duration.nanoseconds(Int64.max), .nanoseconds(Int64.max - 807), .seconds(Int64.max), .nanoseconds(1),
            .seconds(15),
        ] {
            var schedule = ScrapeSchedule(interval: interval)
            #expect(schedule.wait(at: .seconds(5)) == .zero)
            for round in 1...3 {
                schedule.begin(at: .seconds(5 * round))
                schedule.end(at: .seconds(5 * round + 1))
                _ = schedule.wait(at: .seconds(5 * round + 2))
            }
            #expect(schedule.skipped(at: .seconds(20)) >= 0)
        }
        for rate in [Int.max, Int.max / 2, 1, 1 << 48] {
            var pacer = RatePacer(rate: rate)
            for time in [Duration.zero, .nanoseconds(1), .seconds(1), .seconds(1_000_000_000), .seconds(Int64.max)] {
                let (rows, wait) = pacer.allowance(at: time)
                #expect(rows >= 0 && wait >= .zero)
                pacer.take(min(rows, 1_000_000))
            }
        }
        var random = SystemRandomNumberGenerator()
        var backoff = Backoff(first: .seconds(Int64.max), longest: .seconds(Int64.max))
        for _ in 0..<40 { #expect(backoff.next(using: &random) > .zero) }
    }

    @Test("times of scrapes near the ends of what a time can be are counted or refused")
    func scrapes() throws {
        var configuration = ScrapeSource.Configuration(url: "http://h/metrics", source: "s")
        configuration.timestamps = .source
        var clock = PipelineClock.system
        clock.wall = { Timestamp(nanoseconds: .max) }
        var text = ScrapeText(configuration, target: try ScrapeTarget(configuration), startedAt: clock.wall())
        let body = Self.extremes.filter { !$0.isEmpty }.flatMap {
            ["m{UUID=\"u\"} 1 \($0)", "m{UUID=\"v\"} \($0)", "m{UUID=\"w\",a=\"\($0)\"} 2"]
        }.joined(separator: "\n")
        for _ in 0..<2 {
            let batches = try text.read(Array((body + "\n").utf8), at: clock.wall(), clock: clock).get()
            #expect(batches.reduce(0) { $0 + $1.count } > 0)
        }
    }

    @Test("a batch or a line with a hundred thousand labels takes as long as their number, and not its square")
    func manyLabels() throws {
        let count = 100_000
        let names = (0..<count).map { "\"l\($0)\",\"\"" }.joined(separator: ",")
        let json =
            #"{"format":"columnar/1","batch_id":"b","source":"s","collected_at":"2025-07-18T20:42:34Z","strings":[""],"gpus":[["u",0,0,0,0,0,0,0]],"metrics":["m"],"labels":[[NAMES]],"series":{"gpu":[1,1],"metric":[1,1],"labels":[1,1]},"samples":{"series":[1,1],"base_time":"2025-07-18T20:42:34Z","time":[0,1],"value":[1]}}"#
        let batch = try MetricBatch.decode(json: Array(json.replacing("NAMES", with: names).utf8))
        #expect(batch.series[0].labels.count == count)
        let text = (0..<count).map { "l\($0)=\"\"" }.joined(separator: ",")
        #expect(try MetricLabel.parse(prometheus: text).count == count)
        #expect(throws: LabelError.self) { try MetricLabel.parse(prometheus: text + ",l77=\"\"") }
    }

    @Test(
        "runs of a batch are as many as its values, whatever they count",
        arguments: ["9223372036854775807", "-9223372036854775808", "-1", "0", "4294967296"])
    func runs(number: String) {
        for (series, time, table) in [
            ("[1,N]", "[0,1]", "[1,1]"), ("[1,1]", "[0,N]", "[1,1]"), ("[N,1]", "[N,1]", "[1,1]"),
            ("[1,1]", "[0,1]", "[1,N]"), ("[1,1]", "[0,1]", "[N,1]"),
        ] {
            let json =
                #"{"format":"columnar/1","batch_id":"b","source":"s","collected_at":"2025-07-18T20:42:34Z","strings":[""],"gpus":[["u",0,0,0,0,0,0,0]],"metrics":["m"],"labels":[[]],"series":{"gpu":TABLE,"metric":[1,1],"labels":[1,1]},"samples":{"series":SERIES,"base_time":"2262-04-11T23:47:16.854775807Z","time":TIME,"value":[1]}}"#
                .replacing("TABLE", with: table).replacing("SERIES", with: series).replacing("TIME", with: time)
                .replacing("N", with: number)
            if let batch = try? MetricBatch.decode(json: Array(json.utf8)) { #expect(batch.count == 1) }
        }
    }

    @Test("a limit of rows as large as can be is no limit")
    func rowLimit() throws {
        var configuration = CSVReader.Configuration()
        configuration.maxRowBytes = .max
        var reader = try CSVReader(bytes: Array("a,b\n1,2\n".utf8), configuration: configuration)
        #expect(try reader.next() && reader[1] == "2")
        #expect(try !reader.next())
    }
}
