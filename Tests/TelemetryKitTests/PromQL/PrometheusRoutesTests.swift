import Foundation
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryStores

@Suite("Prometheus' API of the gateway, over a socket", .timeLimit(.minutes(20)))
struct PrometheusRoutesTests {
    private struct Stage {
        let client: CurlClient
        let url: String

        func send(
            _ path: String, method: String = "GET", form: String? = nil,
            type: String = "application/x-www-form-urlencoded", headers: [(name: String, value: String)] = []
        ) async throws -> CurlResponse {
            var request = CurlRequest(method: method, url: url + path, headers: headers)
            if let form {
                request.headers.append((name: "Content-Type", value: type))
                request.body = Array(form.utf8)
            }
            return try await client.send(request)
        }
    }

    private static func with(
        _ change: (inout Gateway.Configuration) -> Void = { _ in }, store: (any TelemetryStore)? = nil,
        _ body: (Stage) async throws -> Void
    ) async throws {
        let gpu = GPUIdentity(gpuID: "0", device: "nvidia0", uuid: "GPU-1", modelName: "NVIDIA H100", hostname: "h-1")
        let memory = MemoryStore()
        let metrics = ["DCGM_FI_DEV_GPU_TEMP", "my_own"].map { name in
            GPUMetric(
                timestamp: Timestamp(nanoseconds: 1_752_871_354_500_000_000), value: 36.5,
                series: MetricSeries(metricName: name, gpu: gpu))
        }
        try await memory.write([
            MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0), metrics: metrics)
        ])
        var configuration = Gateway.Configuration()
        configuration.port = 0
        change(&configuration)
        let gateway = Gateway(store: store ?? memory, configuration: configuration)
        let port = try await gateway.start()
        let client = try CurlClient()
        let result: Result<Void, any Error>
        do {
            try await body(Stage(client: client, url: "http://127.0.0.1:\(port)/prometheus/api/v1/"))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        client.close()
        await gateway.shutdown(within: .zero)
        try result.get()
    }

    private static let labels =
        #"{"Hostname":"h-1","UUID":"GPU-1","__name__":"DCGM_FI_DEV_GPU_TEMP","device":"nvidia0","gpu":"0","modelName":"NVIDIA H100"}"#

    @Test(
        "the forms of answers",
        arguments: [
            (
                "query?query=DCGM_FI_DEV_GPU_TEMP&time=1752871400",
                #"{"resultType":"vector","result":[{"metric":LABELS,"value":[1752871400,"36.5"]}]}"#
            ),
            (
                "query?query=DCGM_FI_DEV_GPU_TEMP%5B1m%5D&time=1752871400.5",
                #"{"resultType":"matrix","result":[{"metric":LABELS,"values":[[1752871354.500,"36.5"]]}]}"#
            ),
            (
                "query_range?query=sum(DCGM_FI_DEV_GPU_TEMP)/0&start=1752871354&end=1752871356&step=1s",
                #"{"resultType":"matrix","result":[{"metric":{},"values":[[1752871355,"+Inf"],[1752871356,"+Inf"]]}]}"#
            ),
            ("query?query=1&time=0.25", #"{"resultType":"scalar","result":[0.250,"1"]}"#),
            ("query?query=%22a%5C%22%22&time=1", #"{"resultType":"string","result":[1,"a\""]}"#),
            ("series?match%5B%5D=DCGM_FI_DEV_GPU_TEMP", "[LABELS]"),
            ("labels", #"["Hostname","UUID","__name__","device","gpu","modelName"]"#),
            ("label/__name__/values", #"["DCGM_FI_DEV_GPU_TEMP","my_own"]"#),
            ("label/gpu/values?match[]=my_own&match[]=x", #"["0"]"#),
            ("metadata", #"{"DCGM_FI_DEV_GPU_TEMP":[{"type":"gauge","help":"HELP","unit":"°C"}]}"#),
            ("metadata?metric=x", "{}"), ("metadata?limit=0", "{}"),
        ])
    func answers(path: String, data: String) async throws {
        let help = try #require(DCGMCatalogue.field(named: "DCGM_FI_DEV_GPU_TEMP")).meaning
        let wanted = data.replacing("LABELS", with: Self.labels).replacing("HELP", with: help)
        try await Self.with { stage in
            let answer = try await stage.send(path)
            #expect(answer.status == 200)
            #expect(answer.text == #"{"status":"success","data":\#(wanted)}"#)
            #expect(answer.header("content-type") == "application/json")
        }
    }

    @Test("a posted form is a query too, and comes before what is in the URL")
    func post() async throws {
        try await Self.with { stage in
            let answer = try await stage.send("query?query=2", method: "POST", form: "query=1+%2B+1&time=5")
            #expect(answer.text == #"{"status":"success","data":{"resultType":"scalar","result":[5,"2"]}}"#)
            let range = try await stage.send(
                "query_range", method: "POST", form: "query=1&start=0&end=1&step=1",
                type: "application/x-www-form-urlencoded; charset=utf-8")
            #expect(range.status == 200)
            let json = try await stage.send("query", method: "POST", form: "{}", type: "application/json")
            #expect(
                json.status == 400 && json.text.contains(#""errorType":"bad_data""#)
                    && json.text.contains("application/json"))
        }
    }

    @Test(
        "errors have Prometheus' form",
        arguments: [
            ("query?query=a%7B", 400, "bad_data", #"invalid parameter \"query\": 1:3: parse error"#),
            ("query?query=a+@+1", 422, "execution", "1:3: not supported: the modifier @"),
            ("query?query=%zz", 400, "bad_data", "invalid escape"),
            ("query?query=1&time=x", 400, "bad_data", #"invalid parameter \"time\""#),
            ("series", 400, "bad_data", "match[]"),
            ("query_range?query=1&start=0&end=1e6&step=1", 400, "bad_data", "1000001 points"),
            ("label/a%3Ab/values", 400, "bad_data", "a:b"),
            (
                "query?query=%7B__name__=~%22.*%22,gpu=%220%22%7D%2B1&time=1752871400", 422, "execution",
                "the same labels"
            ), ("query?query=my_own%5B300y%5D", 400, "bad_data", "300y"),
            ("metadata?limit=x", 400, "bad_data", "limit"), ("query?query=1&timeout=x", 400, "bad_data", "timeout"),
            ("query?query=my_own&time=1e15", 400, "bad_data", "1e15"),
        ])
    func errors(path: String, status: Int, type: String, message: String) async throws {
        try await Self.with { stage in
            let answer = try await stage.send(path)
            #expect(answer.status == status)
            #expect(
                answer.text.hasPrefix(#"{"status":"error","errorType":"\#(type)","error":""#)
                    && answer.text.contains(message), "\(answer.text)")
        }
    }

    @Test("the token is asked for, methods are told, and limits are those of the configuration")
    func access() async throws {
        try await Self.with({
            $0.apiToken = "secret"
            $0.promQL.maxSamples = 0
        }) { stage in
            #expect(try await stage.send("query?query=1").status == 401)
            let headers = [(name: "Authorization", value: "Bearer secret")]
            #expect(try await stage.send("query?query=1", headers: headers).status == 200)
            #expect(try await stage.send("query?query=my_own&time=1752871400", headers: headers).status == 422)
            let refused = try await stage.send("query", method: "PUT", headers: headers)
            #expect(refused.status == 405 && refused.header("allow") == "GET, HEAD, OPTIONS, POST")
        }
    }

    @Test("a store that is away is 503 in Prometheus' form")
    func storeAway() async throws {
        try await Self.with(store: AwayStore()) { stage in
            for path in [
                "query?query=a", "query_range?query=a&start=0&end=1&step=1", "series?match[]=a", "labels", "metadata",
            ] {
                let answer = try await stage.send(path)
                #expect(answer.status == 503 && answer.header("retry-after") == "7")
                #expect(
                    answer.text
                        == #"{"status":"error","errorType":"unavailable","error":"db:8086: connection refused"}"#)
            }
        }
    }
}

/// A store whose database cannot be reached.
private struct AwayStore: TelemetryStore {
    private let error = StoreError(.unavailable, "db:8086: connection refused", retryAfter: .seconds(7))

    func write(_ batches: [MetricBatch]) async throws { throw error }
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> { throw error }
    func metrics(uuid: String?) async throws -> [MetricSummary] { throw error }
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> { throw error }
    func statistics() async throws -> StoreStatistics { throw error }
    func checkHealth() async throws { throw error }
    func close() async {}
}
