import TelemetryHTTP
import TelemetryHealth
import TelemetryModels

extension Shapes {
    static let hostList = ListShape("HostList", of: host)
    static let alertList = ListShape("AlertList", of: alert)

    /// The health of a GPU with an Xid error.
    private static let exampleHealth = FleetHealth(latest: [
        GPUMetric(
            timestamp: lastTime, value: 79,
            series: MetricSeries(metricName: "DCGM_FI_DEV_XID_ERRORS", gpu: exampleGPU))
    ])

    private static let host = ResponseShape<FleetHealth.Host>(
        "Host", example: exampleHealth.hosts.first,
        [
            ResponseMember("hostname") { $0.hostname },
            ResponseMember("gpu_count", .count) { $0.gpuCount },
            ResponseMember("last_seen") { $0.lastSeen },
            ResponseMember("health") { $0.condition },
            .array("problems", of: ResponseShape([ResponseMember("uuid") { $0.gpu.uuid }] + problem)) { $0.alerts },
        ])

    private static let alert = ResponseShape<HealthAlert>(
        "Alert", example: exampleHealth.alerts.first,
        [
            ResponseMember("kind") { $0.kind },
            ResponseMember("uuid") { $0.gpu.uuid },
            ResponseMember("hostname") { $0.gpu.hostname },
            ResponseMember("gpu_id") { $0.gpu.gpuID },
            ResponseMember("value") { $0.value },
            ResponseMember("timestamp") { $0.timestamp },
        ] + problem)

    /// The members that an alert and a problem of a host have in common.
    private static let problem: [ResponseMember<HealthAlert>] = [
        ResponseMember("metric_name") { $0.metricName },
        ResponseMember("severity") { $0.severity },
        ResponseMember("message") { $0.message },
    ]
}
