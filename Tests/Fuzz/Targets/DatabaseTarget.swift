import TelemetryHTTP
import TelemetryKit

/// Whatever a database answers, every question to its store ends, with an error or with something that is possible.
enum DatabaseTarget {
    private enum Kind: CaseIterable { case influxV1, influxV2, influxV3, victoria }

    static func failure(_ input: [UInt8]) -> String? {
        var input = FuzzInput(input)
        let kind = input.oneOf(Kind.allCases)
        let status = input.oneOf([200, 200, 200, 204, 400, 422, 429, 503])
        let body = Array(input.rest)
        return CallingThread.run { await check(kind, status, body) }
    }

    private static func check(_ kind: Kind, _ status: Int, _ body: [UInt8]) async -> String? {
        do {
            var settings = HTTPServer.Configuration()
            settings.loops = 1
            settings.limits.maxBodyBytes = 1 << 20
            let server = try await HTTPServer.start(
                host: "127.0.0.1", port: 0, configuration: settings,
                handler: .immediate { answer($0, kind, status, body) })
            let url = "http://127.0.0.1:\(server.port)"
            let failure =
                switch kind {
                case .victoria: await ask(try VictoriaMetricsStore(configuration: .init(url: url)))
                case .influxV1: await ask(try InfluxDBStore(configuration: .init(url: url, version: .v1)))
                case .influxV2: await ask(try InfluxDBStore(configuration: .init(url: url, version: .v2)))
                case .influxV3: await ask(try InfluxDBStore(configuration: .init(url: url, version: .v3)))
                }
            await server.shutdown(within: .zero)
            return failure
        } catch {
            return "no database to ask: \(error)"
        }
    }

    /// What asks whether the database is there gets a good answer, so that the questions behind it are asked at all.
    private static func answer(_ request: HTTPRequest, _ kind: Kind, _ status: Int, _ body: [UInt8]) -> HTTPResponse {
        func json(_ text: String) -> HTTPResponse { HTTPResponse(contentType: "application/json", Array(text.utf8)) }
        switch request.path {
        case "/query" where request.body.starts(with: Array("q=SHOW%20DATABASES".utf8)):
            return json(
                #"{"results":[{"series":[{"name":"databases","columns":["name"],"values":[["gpu_telemetry"]]}]}]}"#)
        case "/api/v2/buckets": return json(#"{"buckets":[{"name":"gpu_telemetry"}]}"#)
        case "/api/v3/configure/database": return json(#"[{"iox::database":"gpu_telemetry"}]"#)
        default:
            var response = HTTPResponse(
                status: status, contentType: kind == .influxV2 ? "text/csv" : "application/json", body)
            if status >= 429 {
                response.headers.append(("Retry-After", String(decoding: body.prefix(40), as: UTF8.self)))
            }
            return response
        }
    }

    private static func ask(_ store: some TelemetryStore) async -> String? {
        let series = MetricSeries(
            metricName: "m", gpu: GPUIdentity(gpuID: "0", device: "d", uuid: "u", modelName: "H100", hostname: "h"))
        let sample = GPUMetric(timestamp: Timestamp(nanoseconds: 1_752_871_350_000_000_000), value: 1, series: series)
        var wrong: String?
        func note(_ count: Int, _ what: String) {
            if count < 0 { wrong = "\(what) is \(count)" }
        }
        do {
            try await store.write([
                MetricBatch(batchID: "b", source: "s", collectedAt: sample.timestamp, metrics: [sample, sample])
            ])
        } catch let error as StoreError {
            if let wait = error.retryAfter, wait < .zero || wait > .seconds(3600) { wrong = "it is waited for \(wait)" }
        } catch {}
        for query in [
            TelemetryQuery(SampleFilter(), limit: 5, offset: 1), TelemetryQuery(SampleFilter(), limit: 5, offset: .max),
            TelemetryQuery(uuid: "u", metricName: "m", limit: 3),
            TelemetryQuery(
                SampleFilter(), limit: 2,
                after: SampleCursor(timestamp: Timestamp(nanoseconds: .max), metricName: "m", uuid: "u")),
        ] {
            if let page = try? await store.telemetry(query) {
                note(page.total, "a total")
                if page.items.contains(where: { $0.timestamp.description.isEmpty }) {
                    wrong = "a sample without a time"
                }
            }
        }
        if let page = try? await store.gpus(SampleFilter(), limit: 10, offset: 0) {
            note(page.total, "a number of GPUs")
        }
        if let page = try? await store.series(SampleFilter(), limit: 10, offset: 0) {
            for info in page.items { note(info.sampleCount, "the samples of a series") }
        }
        for metric in (try? await store.metrics(uuid: nil)) ?? [] {
            note(metric.sampleCount, "the samples of a metric")
        }
        if let statistics = try? await store.statistics() { note(statistics.sampleCount, "the samples of all") }
        _ = try? await store.latest(SampleFilter())
        for function in [AggregateQuery.Function.avg, .p95] {
            _ = try? await store.aggregate(
                AggregateQuery(metricName: "m", function: function, window: .seconds(60), grouping: .host))
        }
        try? await store.checkHealth()
        await store.close()
        return wrong
    }
}
