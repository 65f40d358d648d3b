import Testing

@testable import TelemetryHealth
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryScraping
@testable import TelemetryStores

@Suite("The health of the fleet, by the newest samples")
struct FleetHealthTests {
    private func sample(_ metric: String, _ value: Double, gpu: Int = 0, host: String = "h1", at seconds: Int64 = 1_000)
        -> GPUMetric
    {
        let identity = GPUIdentity(
            gpuID: "\(gpu)", device: "nvidia\(gpu)", uuid: "GPU-\(host)-\(gpu)", modelName: "NVIDIA H100",
            hostname: host)
        return GPUMetric(
            timestamp: Timestamp(nanoseconds: seconds * 1_000_000_000), value: value,
            series: MetricSeries(metricName: metric, gpu: identity))
    }

    @Test(
        "values are judged by what their fields mean, under old and new names",
        arguments: [
            ("DCGM_FI_DEV_XID_ERRORS", 79, "critical xid"), ("DCGM_FI_DEV_XID_ERROR", 13, "warning xid"),
            ("DCGM_FI_DEV_XID_ERRORS", 0, ""),
            ("DCGM_FI_DEV_XID_ERRORS", 63, ""), ("DCGM_FI_DEV_XID_ERRORS", 777, "warning xid"),
            ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", 1, "critical ecc"),
            ("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", 0, ""), ("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", 5, ""),
            ("DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", 2, "warning ecc"),
            ("DCGM_FI_DEV_ROW_REMAP_FAILURE", 1, "critical ecc"), ("DCGM_FI_DEV_ROW_REMAP_FAILED", 1, "critical ecc"),
            ("DCGM_FI_DEV_ROW_REMAP_PENDING", 1, "warning ecc"), ("DCGM_FI_DEV_GPU_TEMP", 84, ""),
            ("DCGM_FI_DEV_GPU_TEMP", 85, "warning thermal"),
            ("DCGM_FI_DEV_GPU_TEMP", 92, "critical thermal"), ("DCGM_FI_DEV_MEMORY_TEMP", 95, "warning thermal"),
            ("dcgm_gpu_temp", 99, "critical thermal"), ("DCGM_FI_DEV_GPU_TEMP", 3_000, "warning out_of_range"),
            ("DCGM_FI_DEV_GPU_UTIL", 101, "warning out_of_range"), ("DCGM_FI_DEV_GPU_UTIL", 100, ""),
            ("somebody_elses_metric", -1e9, ""),
        ])
    func values(metric: String, value: Double, alert: String) throws {
        let health = FleetHealth(latest: [sample(metric, value)])
        #expect(health.alerts.map { "\($0.severity.rawValue) \($0.kind.rawValue)" } == (alert.isEmpty ? [] : [alert]))
        let host = try #require(health.hosts.first)
        #expect(host.condition.rawValue == (alert.isEmpty ? "ok" : String(alert.prefix { $0 != " " })))
        guard let found = health.alerts.first else { return }
        #expect(found.metricName == metric)
        #expect(found.value == value)
        #expect(found.gpu.uuid == "GPU-h1-0")
    }

    @Test("messages say what an Xid is, and what to do")
    func messages() {
        let health = FleetHealth(latest: [sample("DCGM_FI_DEV_XID_ERRORS", 79)])
        #expect(
            health.alerts.first?.message
                == "Xid 79 ROBUST_CHANNEL_GPU_HAS_FALLEN_OFF_THE_BUS: The GPU cannot be reached over PCIe; drain and restart the node"
        )
    }

    @Test("the temperature at which a GPU says that it slows down comes before ours")
    func ownThreshold() {
        let slowdown = sample("DCGM_FI_DEV_SLOWDOWN_TEMP", 80)
        for (value, kinds) in [(74.0, []), (75, ["warning"]), (80, ["critical"])] {
            let health = FleetHealth(latest: [sample("DCGM_FI_DEV_GPU_TEMP", value), slowdown])
            #expect(health.alerts.map(\.severity.rawValue) == kinds)
        }
        // That of another GPU is nothing to it.
        #expect(FleetHealth(latest: [sample("DCGM_FI_DEV_GPU_TEMP", 80, gpu: 1), slowdown]).alerts.isEmpty)
    }

    @Test("who is silent is so beside the newest of all, not beside the clock")
    func silence() throws {
        let health = FleetHealth(latest: [
            sample("DCGM_FI_DEV_GPU_UTIL", 1), sample("DCGM_FI_DEV_GPU_TEMP", 40, at: 910),
            sample("DCGM_FI_DEV_POWER_USAGE", 100, at: 909),
            sample("DCGM_FI_DEV_GPU_UTIL", 1, gpu: 1, at: 909),
            sample("DCGM_FI_DEV_GPU_UTIL", 1, gpu: 1, host: "h2", at: 100),
            sample("DCGM_FI_DEV_GPU_UTIL", 1, gpu: 2, host: "h2", at: 200),
        ])
        let told = health.alerts.map { "\($0.kind.rawValue) \($0.gpu.uuid) \($0.metricName ?? "-")" }
        #expect(
            told == [
                "stale GPU-h1-1 -", "stale GPU-h2-2 -", "stale GPU-h2-1 -", "vanished GPU-h1-0 DCGM_FI_DEV_POWER_USAGE",
            ])
        #expect(health.hosts.map(\.hostname) == ["h1", "h2"])
        #expect(health.hosts.map(\.gpuCount) == [2, 2])
        #expect(health.hosts.map(\.condition) == [.critical, .stale])
        #expect(health.hosts.map { $0.lastSeen.nanoseconds / 1_000_000_000 } == [1_000, 200])
        var patient = HealthRules()
        patient.staleAfter = .seconds(901)
        #expect(FleetHealth(latest: [sample("m", 1), sample("m", 1, gpu: 1, at: 100)], rules: patient).alerts.isEmpty)
    }

    @Test("nothing is known of nothing")
    func empty() {
        let health = FleetHealth(latest: [])
        #expect(health.alerts.isEmpty && health.hosts.isEmpty)
    }

    @Test("the real export is of a sound fleet", .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() async throws {
        let store = MemoryStore()
        var source = try CSVSource(.init(path: RealExport.path, source: "t"))
        while let batch = try await source.next() { try await store.write([batch]) }
        let health = FleetHealth(latest: try await store.latest(SampleFilter()))
        #expect(health.hosts.count == 31)
        #expect(health.hosts.reduce(0) { $0 + $1.gpuCount } == 247)
        #expect(health.alerts.isEmpty)
    }
}
