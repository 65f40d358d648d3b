import TelemetryHealth
import TelemetryModels
import TelemetryNet

/// Hosts and alerts: what ``FleetHealth`` makes of the newest samples.
enum FleetRoutes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        let pages = [RouteParameters.limit(configuration), RouteParameters.offset]
        return [
            Route(
                path: "/api/v1/hosts", operationID: "listHosts", summary: "The hosts, with their GPUs counted and their health.",
                tag: "fleet", parameters: [RouteParameters.hostnames] + pages, answers: Routes.json("HostList"), errors: Routes.storeErrors,
                needsToken: true, isHeavy: true
            ) { context in
                let wanted = try context.filter().hostnames
                let hosts = try await health(context).hosts.filter { wanted.isEmpty || wanted.hasText($0.hostname) }
                return try context.list(context.page(of: hosts)) { $0.appendJSON($1) }
            },
            Route(
                path: "/api/v1/alerts", operationID: "listAlerts",
                summary: "Problems of GPUs according to their newest samples, critical first, then the newest first.", tag: "fleet",
                parameters: [RouteParameters.uuids, RouteParameters.hostnames, RouteParameters.models, severity] + pages,
                answers: Routes.json("AlertList"), errors: Routes.storeErrors, needsToken: true, isHeavy: true
            ) { context in
                let filter = try context.filter()
                let severity = HealthAlert.Severity(rawValue: context.text("severity") ?? any)
                let alerts = try await health(context).alerts.filter { alert in
                    filter.includes(MetricSeries(metricName: alert.metricName ?? "", gpu: alert.gpu))
                        && (severity.map { $0 == alert.severity } ?? true)
                }
                return try context.list(context.page(of: alerts)) { $0.appendJSON($1) }
            },
        ]
    }

    private static let any = "any"

    private static let severity = Route.Parameter(
        name: "severity", kind: .choice([any] + HealthAlert.Severity.allCases.map(\.rawValue), default: any),
        description: "Only alerts of this severity.", example: "critical")

    /// Of all: a GPU that is silent is so beside the others.
    private static func health(_ context: RequestContext) async throws -> FleetHealth {
        FleetHealth(latest: try await context.store.latest(SampleFilter()), rules: context.gateway.configuration.healthRules)
    }
}

extension ByteWriter {
    fileprivate mutating func appendJSON(_ host: FleetHealth.Host) {
        append("{\"hostname\":")
        appendJSONString(host.hostname)
        append(",\"gpu_count\":")
        appendDecimal(host.gpuCount)
        append(",\"last_seen\":")
        appendJSON(host.lastSeen)
        append(",\"health\":\"")
        append(host.condition.rawValue)
        append("\",\"problems\":")
        appendList(host.alerts) { out, alert in
            out.append("{\"uuid\":")
            out.appendJSONString(alert.gpu.uuid)
            out.appendProblem(alert)
        }
        append("}")
    }

    fileprivate mutating func appendJSON(_ alert: HealthAlert) {
        append("{\"kind\":\"")
        append(alert.kind.rawValue)
        append("\",\"uuid\":")
        appendJSONString(alert.gpu.uuid)
        append(",\"hostname\":")
        appendJSONString(alert.gpu.hostname)
        append(",\"gpu_id\":")
        appendJSONString(alert.gpu.gpuID)
        append(",\"value\":")
        if let value = alert.value { appendNumber(value) } else { append("null") }
        append(",\"timestamp\":")
        appendJSON(alert.timestamp)
        appendProblem(alert)
    }

    /// The members that both have, and the end.
    private mutating func appendProblem(_ alert: HealthAlert) {
        append(",\"metric_name\":")
        if let name = alert.metricName { appendJSONString(name) } else { append("null") }
        append(",\"severity\":\"")
        append(alert.severity.rawValue)
        append("\",\"message\":")
        appendJSONString(alert.message)
        append("}")
    }
}
