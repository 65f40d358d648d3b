import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Evaluating PromQL")
struct PromQLEngineTests {
    /// Values of one series at seconds.
    private static func store(
        _ points: [(second: Double, value: Double)], name: String = "m", labels: [MetricLabel] = []
    ) async throws -> MemoryStore {
        let store = MemoryStore()
        let gpu = GPUIdentity(gpuID: "0", device: "nvidia0", uuid: "GPU-1", modelName: "H100", hostname: "h")
        let series = MetricSeries(metricName: name, gpu: gpu, labels: labels)
        let metrics = points.map {
            GPUMetric(timestamp: Timestamp(nanoseconds: Int64($0.second * 1e9)), value: $0.value, series: series)
        }
        try await store.write([
            MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0), metrics: metrics)
        ])
        return store
    }

    /// Of the one series or the scalar that it gives at a second.
    private static func value(
        _ query: String, _ store: MemoryStore, at second: Double, _ limits: PromQLLimits = PromQLLimits()
    ) async throws -> Double? {
        switch try await PromQLEngine(store: store, limits: limits).instant(
            PromQLParser.parse(query), at: Int64(second * 1000))
        {
        case .scalar(let value, _): return value
        case .vector(let samples, _):
            #expect(samples.count <= 1)
            return samples.first?.value
        default: return nil
        }
    }

    @Test("a sample stands for its series through the lookback, its last millisecond included")
    func lookback() async throws {
        let store = try await Self.store([(1000, 1), (1010, 2)])
        #expect(try await Self.value("m", store, at: 999.999) == nil)
        #expect(try await Self.value("m", store, at: 1000) == 1)
        #expect(try await Self.value("m", store, at: 1009.999) == 1)
        #expect(try await Self.value("m", store, at: 1310) == 2)
        #expect(try await Self.value("m", store, at: 1310.001) == nil)
        var limits = PromQLLimits()
        limits.lookback = .seconds(5)
        #expect(try await Self.value("m", store, at: 1005, limits) == 1)
        #expect(try await Self.value("m", store, at: 1005.001, limits) == nil)
        #expect(try await Self.value("m offset 1m", store, at: 1065, limits) == 1)
    }

    @Test("a rate goes on to the ends of its range, and a counter that falls has begun anew")
    func rates() async throws {
        // 30 in 50 s, and the last sample is 10 s before the end of the range: 36 in 60 s.
        let steady = try await Self.store([
            (1000, 100), (1010, 106), (1020, 112), (1030, 118), (1040, 124), (1050, 130),
        ])
        #expect(try await Self.value("increase(m[1m])", steady, at: 1060) == 36)
        #expect(try await Self.value("rate(m[1m])", steady, at: 1060) == 0.6)
        #expect(try await Self.value("delta(m[50s])", steady, at: 1050) == 30)
        #expect(try await Self.value("irate(m[1m])", steady, at: 1060) == 0.6)
        // 20 s before the end is farther than 1.1 of the distance of samples: half a distance stands for it.
        #expect(try await Self.value("delta(m[80s])", steady, at: 1070) == 39)
        // 5, 9, then anew 2, 4: 4 + 2 + 2 = 8.
        let reset = try await Self.store([(1000, 5), (1010, 9), (1020, 2), (1030, 4)])
        #expect(try await Self.value("increase(m[30s])", reset, at: 1030) == 8)
        #expect(try await Self.value("resets(m[30s])", reset, at: 1030) == 1)
        #expect(try await Self.value("delta(m[30s])", reset, at: 1030) == -1)
        #expect(try await Self.value("rate(m[5s])", reset, at: 1030) == nil)
    }

    @Test("both ends of a range belong to it")
    func ends() async throws {
        let store = try await Self.store([(1000, 1), (1010, 2), (1020, 3)])
        #expect(try await Self.value("count_over_time(m[20s])", store, at: 1020) == 3)
        #expect(try await Self.value("count_over_time(m[19999ms])", store, at: 1020) == 2)
        #expect(try await Self.value("sum_over_time(m[20s])", store, at: 1019.999) == 3)
        #expect(try await Self.value("quantile_over_time(0.25, m[20s])", store, at: 1020) == 1.5)
        #expect(try await Self.value("stdvar_over_time(m[20s])", store, at: 1020) == 2.0 / 3)
        #expect(try await Self.value("deriv(m[20s])", store, at: 1020) == 0.1)
        #expect(try await Self.value("predict_linear(m[20s], 10)", store, at: 1020) == 4)
    }

    @Test("times within a millisecond are one, and the later sample counts")
    func milliseconds() async throws {
        let store = try await Self.store([(1000, 1), (1000.0005, 2), (1000.001, 3)])
        #expect(try await Self.value("m", store, at: 1000) == 2)
        #expect(try await Self.value("count_over_time(m[1s])", store, at: 1000.5) == 2)
    }

    @Test("a GPU's identity fills in the labels that the series has not, and uuid, model and host are always its own")
    func labels() {
        let gpu = GPUIdentity(
            gpuID: "3", device: "nvidia3", uuid: "GPU-1", modelName: "H100", hostname: "h", pod: "train")
        let own = [
            MetricLabel(name: "__name__", value: "other"), MetricLabel(name: "pod", value: "exporter"),
            MetricLabel(name: "gpu", value: ""),
            MetricLabel(name: "Hostname", value: "x"), MetricLabel(name: "job", value: "dcgm"),
            MetricLabel(name: "none", value: ""),
        ]
        let labels = LabelSet(MetricSeries(metricName: "m", gpu: gpu, labels: own))
        #expect(
            "\(labels)"
                == #"{Hostname="h", UUID="GPU-1", __name__="m", device="nvidia3", gpu="3", job="dcgm", modelName="H100", pod="exporter"}"#
        )
    }

    @Test("a query for more samples than are allowed is refused, those it reads and those of its answer")
    func maxSamples() async throws {
        let store = try await Self.store((0..<100).map { (Double(1000 + $0), 1) })
        var limits = PromQLLimits()
        limits.timeout = .seconds(3600)
        limits.maxSamples = 99
        await #expect { try await Self.value("m", store, at: 1100, limits) } throws: { error in
            (error as? PromQLError)?.kind == .execution && "\(error)".contains("m needs more than 99 samples")
        }
        let engine = PromQLEngine(store: store, limits: limits)
        await #expect {
            try await engine.range(PromQLParser.parse("1"), from: 0, through: 100_000, step: 1000)
        } throws: {
            "\($0)".contains("more than 99 samples")
        }
        limits.maxSamples = 100
        #expect(try await Self.value("m", store, at: 1100, limits) == 1)
    }

    @Test("a query that takes too long is ended")
    func timeout() async throws {
        let store = try await Self.store([(1000, 1)])
        var limits = PromQLLimits()
        limits.timeout = .zero
        await #expect { try await Self.value("m", store, at: 1000, limits) } throws: {
            ($0 as? PromQLError).map(PrometheusFailure.init)?.status == 503
        }
        let engine = PromQLEngine(store: store, limits: limits)
        await #expect {
            try await engine.range(PromQLParser.parse("1 + 1"), from: 0, through: 100_000, step: 1)
        } throws: {
            ($0 as? PromQLError)?.kind == .timeout
        }
    }

    @Test(
        "a store is asked for no more than a selector can mean",
        arguments: [
            ("m{UUID=\"u\"}", ["m"], ["u"], [], []),
            ("{__name__=~\"DCGM_.*USED\", Hostname=~\"a|b\"}", ["DCGM_FB_USED"], [], ["a", "b"], []),
            ("{modelName=\"H\", Hostname!=\"x\", UUID=~\"u|\"}", [], [], [], ["H"]),
            ("{__name__=~\"a|b\", __name__!=\"a\"}", ["b"], [], [], []),
        ] as [(String, [String], [String], [String], [String])])
    func pushDown(query: String, names: [String], uuids: [String], hosts: [String], models: [String]) async throws {
        let store = try await Self.store([(1000, 1)], name: "DCGM_FB_USED")
        let matchers = try PromQLParser.parse(query).selectors[0].matchers
        var known: [String]?
        let filter = try await SelectorFilter.filter(matchers, store, from: 5, through: 7, metricNames: &known)
        let start = Timestamp(nanoseconds: 5_000_000)
        let end = Timestamp(nanoseconds: 7_999_999)
        #expect(
            filter
                == SampleFilter(
                    metricNames: names, uuids: uuids, hostnames: hosts, modelNames: models, startTime: start,
                    endTime: end))
        let none = try await SelectorFilter.filter(
            PromQLParser.parse("{__name__=~\"x.*\"}").selectors[0].matchers, store, from: 5, through: 7,
            metricNames: &known)
        #expect(none == nil)
    }

    @Test(
        "times beyond what nanoseconds can hold restrict nothing, or leave nothing",
        arguments: ["m", "m offset 290y", "m offset -290y", "rate(m[290y])"])
    func farTimes(query: String) async throws {
        let store = try await Self.store([(1000, 1)])
        for second in [-8e12, -1e10, 0, 1e10, 8e12] { _ = try await Self.value(query, store, at: second) }
        let far = try PromQLParser.parse("m")
        let engine = PromQLEngine(store: store)
        guard
            case .matrix(let series) = try await engine.range(
                far, from: -8_000_000_000_000_000, through: 8_000_000_000_000_000, step: 1_600_000_000_000_000)
        else { return }
        #expect(series.isEmpty)
    }

    @Test(
        "values are written as Prometheus writes them",
        arguments: [
            (0, "0"), (-0.0, "-0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (1e-6, "0.000001"), (1e-7, "1e-07"),
            (-2.5e-9, "-2.5e-09"), (1e21, "1e+21"), (123456789e14, "1.23456789e+22"),
            (1e20, "100000000000000000000"), (9_007_199_254_740_992, "9007199254740992"),
            (0.30000000000000004, "0.30000000000000004"), (.leastNonzeroMagnitude, "5e-324"), (.infinity, "+Inf"),
            (-.infinity, "-Inf"), (.nan, "NaN"), (1234.5678, "1234.5678"), (1e16, "10000000000000000"),
            (0.00012, "0.00012"),
        ] as [(Double, String)])
    func numbers(value: Double, text: String) {
        #expect(PrometheusNumber.text(value) == text)
    }
}
