import TelemetryBase
import TelemetryHealth
import TelemetryModels

/// Hosts and alerts: the result of ``FleetHealth`` for the newest samples.
enum FleetRoutes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        let pages: [any RouteParameter] = [RouteParameters.limit(configuration), RouteParameters.offset]
        return [
            Route(
                path: "/api/v1/hosts", operationID: "listHosts",
                summary: "The hosts with their number of GPUs and their health.",
                tag: "fleet", parameters: [RouteParameters.hostnames] + pages, responses: [.json(Shapes.hostList)],
                errors: Routes.storeErrors,
                requiresToken: true, isHeavy: true
            ) { context in
                let wanted = try context.filter().hostnames
                let hosts = try await health(context).hosts.filter { wanted.isEmpty || wanted.hasText($0.hostname) }
                return try context.list(context.page(of: hosts), as: Shapes.hostList)
            },
            Route(
                path: "/api/v1/alerts", operationID: "listAlerts",
                summary: "Problems of GPUs according to their newest samples, critical first, then the newest first.",
                tag: "fleet",
                parameters: [RouteParameters.uuids, RouteParameters.hostnames, RouteParameters.models, severity]
                    + pages,
                responses: [.json(Shapes.alertList)], errors: Routes.storeErrors, requiresToken: true, isHeavy: true
            ) { context in
                let filter = try context.filter()
                let severity = try context[severity]
                let alerts = try await health(context).alerts.filter { alert in
                    filter.includes(MetricSeries(metricName: alert.metricName ?? "", gpu: alert.gpu))
                        && (severity.map { $0 == alert.severity } ?? true)
                }
                return try context.list(context.page(of: alerts), as: Shapes.alertList)
            },
        ]
    }

    private static let severity = Parameter<HealthAlert.Severity?>.choice(
        "severity", none: "any", "Only alerts of this severity.", example: "critical")

    /// The health of all GPUs: a GPU is stale compared with the others.
    private static func health(_ context: RequestContext) async throws -> FleetHealth {
        FleetHealth(
            latest: try await context.store.latest(SampleFilter()), rules: context.gateway.configuration.healthRules)
    }
}
