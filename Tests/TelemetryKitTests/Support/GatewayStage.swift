import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryHealth
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

/// A gateway on a free port, and a client that asks it.
struct GatewayStage {
    let store: any TelemetryStore
    let gateway: Gateway
    let client: CurlClient
    let port: Int

    init(_ change: (inout Gateway.Configuration) -> Void = { _ in }, store: any TelemetryStore = MemoryStore())
        async throws
    {
        self.store = store
        var configuration = Gateway.Configuration()
        configuration.port = 0
        change(&configuration)
        gateway = Gateway(store: store, configuration: configuration)
        port = try await gateway.start()
        client = try CurlClient()
    }

    func get(_ path: String, method: String = "GET", headers: [(name: String, value: String)] = []) async throws
        -> CurlResponse
    {
        try await client.send(CurlRequest(method: method, url: "http://127.0.0.1:\(port)\(path)", headers: headers))
    }

    /// The `data` of a list.
    func data(_ path: String) async throws -> [[String: Any]] {
        try #require(await json(path)["data"] as? [[String: Any]])
    }

    func json(_ path: String) async throws -> [String: Any] {
        let answer = try await get(path)
        return try #require(JSONSerialization.jsonObject(with: Data(answer.body)) as? [String: Any])
    }

    func end() async {
        client.close()
        await gateway.shutdown(within: .zero)
    }

    static func with(
        _ change: (inout Gateway.Configuration) -> Void = { _ in }, store: any TelemetryStore = MemoryStore(),
        _ body: (GatewayStage) async throws -> Void
    ) async throws {
        let stage = try await GatewayStage(change, store: store)
        do {
            try await body(stage)
        } catch {
            await stage.end()
            throw error
        }
        await stage.end()
    }
}

let hostile = #"a "quoted", \back\ and"# + "\nnew <line> é𝄞"

func filledStore(gpus: Int = 3, ticks: Int = 5) async throws -> MemoryStore {
    let store = MemoryStore()
    var metrics: [GPUMetric] = []
    for tick in 0..<ticks {
        for gpu in 0..<gpus {
            for (index, name) in ["DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE"].enumerated() {
                let identity = GPUIdentity(
                    gpuID: "\(gpu)", device: "nvidia\(gpu)", uuid: "GPU-\(gpu)", modelName: "NVIDIA H100",
                    hostname: "host-1",
                    pod: gpu == 1 ? hostile : "")
                let series = MetricSeries(
                    metricName: name, gpu: identity, labels: [MetricLabel(name: "note", value: hostile)])
                metrics.append(
                    GPUMetric(
                        timestamp: Timestamp(nanoseconds: 1_752_871_354_000_000_000 + Int64(tick) * 1_000_000_000),
                        value: Double(tick * 10 + gpu) + Double(index) / 8, series: series))
            }
        }
    }
    try await store.write([
        MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0), metrics: metrics)
    ])
    return store
}

/// Waits until the condition holds: a minute at most, far beyond what it takes.
func eventually(_ what: Comment, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("not within a minute: \(what)")
            return
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}
