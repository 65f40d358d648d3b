@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryScraping
@testable import TelemetryStores

/// Half an hour of a small fleet as an exporter gives it through Prometheus: gaps, series that begin late and end early, counters that begin
/// anew, a workload that moves, irregular times.
enum FleetSamples {
    /// 2025-07-18T20:40:00Z, in milliseconds.
    static let start: Int64 = 1_752_871_200_000
    static let end = start + 1_800_000

    static let gauges = [
        "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_FB_FREE",
        "DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    ]
    static let counters = ["DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER"]
    static let hosts = ["dgx-031", "dgx-032", "node.example"]

    static func make(seed: UInt64 = 7) -> [GPUMetric] {
        var random = SeededRandom(seed: seed)
        var samples: [GPUMetric] = []
        var number = 0
        for host in hosts {
            for gpu in 0..<2 {
                for name in gauges + counters {
                    number += 1
                    let isCounter = counters.contains(name)
                    // Each series has a part of its own, so that no two have the same value.
                    let own = Double(number) / 1024
                    var value = isCounter ? Double.random(in: 0...100, using: &random).rounded() : Double(number)
                    let first = number % 7 == 0 ? start + 600_000 : start
                    let last = number % 11 == 0 ? start + 900_000 : end
                    for tick in stride(from: first, through: last, by: 15_000) {
                        // Some scrapes fail, and some are long away.
                        if Int.random(in: 0..<20, using: &random) == 0 { continue }
                        if number % 5 == 0, (start + 700_000..<start + 1_100_000).contains(tick) { continue }
                        let time = number % 3 == 0 ? tick + Int64.random(in: -900...900, using: &random) : tick
                        if isCounter {
                            value =
                                Int.random(in: 0..<30, using: &random) == 0
                                ? 0 : value + Double(Int.random(in: 0...40, using: &random)) / 8
                        } else {
                            value = Double(Int.random(in: -8...800, using: &random)) / 8 + own
                        }
                        let pod = gpu == 0 ? "" : tick < start + 800_000 ? "train-1" : "train-2"
                        samples.append(sample(name, host, gpu, pod, time, value))
                    }
                }
            }
        }
        return samples
    }

    private static func sample(
        _ name: String, _ host: String, _ gpu: Int, _ pod: String, _ time: Int64, _ value: Double
    ) -> GPUMetric {
        var labels = [
            MetricLabel(name: "gpu", value: "\(gpu)"), MetricLabel(name: "UUID", value: "GPU-\(host)-\(gpu)"),
            MetricLabel(name: "device", value: "nvidia\(gpu)"),
            MetricLabel(name: "modelName", value: "NVIDIA H100 80GB HBM3"),
            MetricLabel(name: "Hostname", value: host), MetricLabel(name: "instance", value: "\(host):9400"),
            MetricLabel(name: "job", value: gpu == 0 ? "dcgm \"a\"" : "dcgm\\b"),
        ]
        if !pod.isEmpty {
            labels += [
                MetricLabel(name: "pod", value: pod), MetricLabel(name: "namespace", value: "research"),
                MetricLabel(name: "container", value: "main"),
            ]
        }
        let series = MetricSeries(metricName: name, gpu: ScrapeLabels.gpu(of: labels, host: host)!, labels: labels)
        return GPUMetric(timestamp: Timestamp(nanoseconds: time * 1_000_000), value: value, series: series)
    }
}
