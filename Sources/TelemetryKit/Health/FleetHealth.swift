import TelemetryBase
import TelemetryModels
import TelemetryStores

/// The health of GPUs and hosts, derived from the newest sample of every series. A value: no state is kept between two
/// of them.
public struct FleetHealth: Sendable {
    /// One host with its GPUs.
    public struct Host: Sendable, Hashable {
        /// The status of a host. The worst status of its GPUs decides.
        public enum Condition: String, Sendable, Hashable, CaseIterable {
            /// Derived from the worst of its alerts.
            case ok, warning, critical
            /// None of its GPUs delivers samples any more.
            case stale
        }

        /// The name of the host.
        public var hostname: String
        /// The number of GPUs that have samples.
        public var gpuCount: Int
        /// The time of its newest sample.
        public var lastSeen: Timestamp
        /// The status.
        public var condition: Condition
        /// Its alerts: critical first, then the newest first.
        public var alerts: [HealthAlert]
    }

    /// All alerts: critical first, then the newest first, then ordered by GPU and metric.
    public let alerts: [HealthAlert]
    /// All hosts, ordered by name.
    public let hosts: [Host]

    /// - Parameters:
    ///   - latest: The newest sample of every series of all GPUs, in any order.
    ///   - rules: The rules of the evaluation.
    public init(latest: [GPUMetric], rules: HealthRules = HealthRules()) {
        let newest = latest.map(\.timestamp).max()
        var gpus = Dictionary(grouping: latest) { ByteText($0.gpu.uuid) }.values.map { GPUSamples($0) }
        gpus.sort { $0.identity.precedes($1.identity) }
        let staleAfter = rules.staleAfter
        let judged = gpus.map { gpu in
            (gpu, isStale: gpu.lastSeen.isOlder(than: newest, by: staleAfter), alerts: gpu.alerts(rules, newest))
        }
        // Stable, so that equal alerts stay ordered by GPU and metric.
        alerts = judged.flatMap(\.alerts).sorted { a, b in
            if a.severity != b.severity { return a.severity == .critical }
            return a.timestamp > b.timestamp
        }
        let alertsOfHosts = Dictionary(grouping: alerts) { ByteText($0.gpu.hostname) }
        hosts = Dictionary(grouping: judged) { ByteText($0.0.identity.hostname) }.map { hostname, gpus in
            let alerts = alertsOfHosts[hostname] ?? []
            let condition: Host.Condition =
                if gpus.allSatisfy(\.isStale) {
                    .stale
                } else if alerts.contains(where: { $0.severity == .critical }) {
                    .critical
                } else {
                    alerts.isEmpty ? .ok : .warning
                }
            return Host(
                hostname: hostname.string, gpuCount: gpus.count, lastSeen: gpus.map { $0.0.lastSeen }.max()!,
                condition: condition, alerts: alerts)
        }.sorted { $0.hostname.precedes($1.hostname) }
    }
}

/// The newest samples of one GPU.
private struct GPUSamples {
    /// By metric name.
    private let samples: [GPUMetric]
    /// The GPU as its newest sample describes it; of several at that time, the first by name.
    let identity: GPUIdentity
    let lastSeen: Timestamp

    /// There is at least one.
    init(_ samples: [GPUMetric]) {
        self.samples = samples.sorted { $0.metricName.precedes($1.metricName) }
        lastSeen = samples.map(\.timestamp).max()!
        let lastSeen = lastSeen
        identity = self.samples.first { $0.timestamp == lastSeen }!.gpu
    }

    func alerts(_ rules: HealthRules, _ newest: Timestamp?) -> [HealthAlert] {
        var alerts: [HealthAlert] = []
        if lastSeen.isOlder(than: newest, by: rules.staleAfter) {
            alerts.append(
                HealthAlert(
                    severity: .critical, kind: .stale, gpu: identity, timestamp: lastSeen,
                    message: "no sample since \(lastSeen), but other GPUs have delivered samples until \(newest!)"))
        }
        var bounds: [UInt16: Double] = [:]
        for sample in samples where sample.value > 0 {
            if let id = DCGMCatalogue.field(named: sample.metricName)?.id { bounds[id] = sample.value }
        }
        for sample in samples {
            if sample.timestamp.isOlder(than: lastSeen, by: rules.staleAfter) {
                alerts.append(
                    HealthAlert(
                        severity: .warning, kind: .vanished, gpu: identity, metricName: sample.metricName,
                        value: sample.value,
                        timestamp: sample.timestamp,
                        message:
                            "no sample of \(sample.metricName) since \(sample.timestamp), but other metrics have samples until \(lastSeen)"
                    ))
                continue
            }
            guard let field = DCGMCatalogue.field(named: sample.metricName) else { continue }
            let bound =
                switch field.id {
                case HealthRules.Field.gpuTemperature: bounds[HealthRules.Field.gpuSlowdownTemperature]
                case HealthRules.Field.memoryTemperature: bounds[HealthRules.Field.memoryMaximumTemperature]
                default: Double?.none
                }
            if let alert = rules.alert(sample, field, bound: bound) { alerts.append(alert) }
        }
        return alerts
    }
}

extension Timestamp {
    /// `false` if there is no other.
    fileprivate func isOlder(than other: Timestamp?, by duration: Duration) -> Bool {
        guard let other else { return false }
        let (age, over) = other.nanoseconds.subtractingReportingOverflow(nanoseconds)
        return over || age > duration.wholeNanoseconds
    }
}
