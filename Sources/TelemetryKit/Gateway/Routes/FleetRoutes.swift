import TelemetryBase
import TelemetryHealth
import TelemetryModels

/// Hosts and alerts: what ``FleetHealth`` makes of the newest samples.
enum FleetRoutes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        let pages: [any RouteParameter] = [RouteParameters.limit(configuration), RouteParameters.offset]
        return [
            Route(
                path: "/api/v1/hosts", operationID: "listHosts",
                summary: "The hosts, with their GPUs counted and their health.",
                tag: "fleet", parameters: [RouteParameters.hostnames] + pages, answers: Routes.json("HostList"),
                errors: Routes.storeErrors,
                requiresToken: true, isHeavy: true
            ) { context in
                let wanted = try context.filter().hostnames
                let hosts = try await health(context).hosts.filter { wanted.isEmpty || wanted.hasText($0.hostname) }
                return try context.list(context.page(of: hosts)) { $0.appendJSON($1) }
            },
            Route(
                path: "/api/v1/alerts", operationID: "listAlerts",
                summary: "Problems of GPUs according to their newest samples, critical first, then the newest first.",
                tag: "fleet",
                parameters: [RouteParameters.uuids, RouteParameters.hostnames, RouteParameters.models, severity]
                    + pages,
                answers: Routes.json("AlertList"), errors: Routes.storeErrors, requiresToken: true, isHeavy: true
            ) { context in
                let filter = try context.filter()
                let severity = try context[severity]
                let alerts = try await health(context).alerts.filter { alert in
                    filter.includes(MetricSeries(metricName: alert.metricName ?? "", gpu: alert.gpu))
                        && (severity.map { $0 == alert.severity } ?? true)
                }
                return try context.list(context.page(of: alerts)) { $0.appendJSON($1) }
            },
        ]
    }

    private static let severity = Parameter<HealthAlert.Severity?>.choice(
        "severity", none: "any", "Only alerts of this severity.", example: "critical")

    /// Of all: a GPU that is silent is so beside the others.
    private static func health(_ context: RequestContext) async throws -> FleetHealth {
        FleetHealth(
            latest: try await context.store.latest(SampleFilter()), rules: context.gateway.configuration.healthRules)
    }
}

extension FleetHealth.Host: JSONValue {
    @usableFromInline
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.object {
            $0.member("hostname", hostname)
            $0.member("gpu_count", gpuCount)
            $0.member("last_seen", lastSeen)
            $0.member("health", condition.rawValue)
            $0.array("problems", of: alerts) { json, alert in
                json.object {
                    $0.member("uuid", alert.gpu.uuid)
                    alert.appendProblem(to: &$0)
                }
            }
        }
    }
}

extension HealthAlert: JSONValue {
    @usableFromInline
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.object {
            $0.member("kind", kind.rawValue)
            $0.member("uuid", gpu.uuid)
            $0.member("hostname", gpu.hostname)
            $0.member("gpu_id", gpu.gpuID)
            $0.member("value", value)
            $0.member("timestamp", timestamp)
            appendProblem(to: &$0)
        }
    }

    /// The members that an alert and a problem of a host have in common.
    fileprivate func appendProblem<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.member("metric_name", metricName)
        json.member("severity", severity.rawValue)
        json.member("message", message)
    }
}
