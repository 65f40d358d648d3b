import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryHealth
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Hosts, alerts and the catalogue over HTTP", .timeLimit(.minutes(20)))
struct FleetRouteTests {
    private func sickStore() async throws -> MemoryStore {
        let store = try await filledStore()
        let time = Timestamp(nanoseconds: 1_752_871_358_000_000_000)
        let samples = [
            ("DCGM_FI_DEV_XID_ERRORS", 79.0, "GPU-1", "1", "host-1"),
            ("DCGM_FI_DEV_GPU_UTIL", 400, "GPU-8", "0", "host-2"),
        ].map { metric, value, uuid, id, host in
            let gpu = GPUIdentity(
                gpuID: id, device: "nvidia" + id, uuid: uuid, modelName: "NVIDIA H100", hostname: host)
            return GPUMetric(timestamp: time, value: value, series: MetricSeries(metricName: metric, gpu: gpu))
        }
        try await store.write([MetricBatch(batchID: "s", source: "s", collectedAt: time, metrics: samples)])
        return store
    }

    @Test("hosts have their GPUs counted, and their problems named")
    func hosts() async throws {
        try await GatewayStage.with(store: sickStore()) { stage in
            let hosts = try await stage.data("/api/v1/hosts")
            #expect(hosts.compactMap { $0["hostname"] as? String } == ["host-1", "host-2"])
            #expect(hosts.compactMap { $0["gpu_count"] as? Int } == [3, 1])
            #expect(hosts.compactMap { $0["health"] as? String } == ["critical", "warning"])
            #expect(
                hosts.compactMap { $0["last_seen"] as? String } == ["2025-07-18T20:42:38Z", "2025-07-18T20:42:38Z"])
            let problems = try #require(hosts[0]["problems"] as? [[String: Any]])
            #expect(problems.count == 1)
            #expect(problems[0]["uuid"] as? String == "GPU-1")
            #expect(problems[0]["metric_name"] as? String == "DCGM_FI_DEV_XID_ERRORS")
            #expect(problems[0]["severity"] as? String == "critical")
            #expect(try await stage.data("/api/v1/hosts?hostname=host-2").count == 1)
            let page = try await stage.json("/api/v1/hosts?limit=1&offset=1")
            #expect(page["count"] as? Int == 1)
            #expect(page["total"] as? Int == 2)
        }
    }

    @Test(
        "alerts tell what, where and how much; filters keep to theirs",
        arguments: [
            ("", ["xid", "out_of_range"]), ("?severity=critical", ["xid"]), ("?severity=warning", ["out_of_range"]),
            ("?hostname=host-2", ["out_of_range"]),
            ("?uuid=GPU-1", ["xid"]), ("?model=none", []), ("?limit=1&offset=1", ["out_of_range"]),
        ] as [(String, [String])])
    func alerts(query: String, kinds: [String]) async throws {
        try await GatewayStage.with(store: sickStore()) { stage in
            let alerts = try await stage.data("/api/v1/alerts\(query)")
            #expect(alerts.compactMap { $0["kind"] as? String } == kinds)
            guard kinds.first == "xid", let alert = alerts.first else { return }
            #expect(alert["uuid"] as? String == "GPU-1")
            #expect(alert["hostname"] as? String == "host-1")
            #expect(alert["gpu_id"] as? String == "1")
            #expect(alert["value"] as? Double == 79)
            #expect(alert["timestamp"] as? String == "2025-07-18T20:42:38Z")
        }
    }

    @Test("the catalogue has every field, with unit, range and meaning, and every Xid")
    func catalogue() async throws {
        try await GatewayStage.with { stage in
            let fields = try await stage.data("/api/v1/catalogue")
            #expect(fields.count == DCGMCatalogue.fields.count)
            let temperature = try #require(fields.first { $0["id"] as? Int == 150 })
            #expect(temperature["name"] as? String == "DCGM_FI_DEV_GPU_TEMP_CELSIUS")
            #expect(temperature["aliases"] as? [String] == ["DCGM_FI_DEV_GPU_TEMP", "dcgm_gpu_temp"])
            #expect(temperature["unit"] as? String == "°C")
            #expect(temperature["type"] as? String == "gauge")
            #expect(temperature["kind"] as? String == "thermal")
            #expect(temperature["maximum"] as? Double == 150)
            let counter = try #require(fields.first { $0["id"] as? Int == 311 })
            #expect(counter["type"] as? String == "counter")
            #expect(counter["maximum"] is NSNull)
            let xids = try await stage.data("/api/v1/catalogue/xid")
            #expect(xids.count == XIDError.all.count)
            let fallen = try #require(xids.first { $0["code"] as? Int == 79 })
            #expect(fallen["severity"] as? String == "critical")
            #expect(fallen["action"] as? String == "drain and restart the node")
        }
    }
}
