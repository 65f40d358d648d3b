import TelemetryHTTP
import TelemetryModels

/// Totals of the stored data.
enum StoreRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/metrics", operationID: "listMetrics", summary: "The metrics that have samples.",
            tag: "store",
            responses: [.json(Shapes.metricList)], errors: Routes.storeErrors, requiresToken: true, isHeavy: true
        ) { context in
            let metrics = try await context.store.metrics(uuid: nil)
            return try Responses.list(
                Page(items: metrics, total: metrics.count), as: Shapes.metricList, context.gateway)
        },
        Route(
            path: "/api/v1/stats", operationID: "getStatistics",
            summary: "The sizes of the store, and the state of the pipeline.", tag: "store",
            responses: [.json(Shapes.statistics)], errors: Routes.storeErrors, requiresToken: true, isHeavy: true
        ) { try await statistics($0) },
    ]

    private static func statistics(_ context: RequestContext) async throws -> HTTPResponse {
        let statistics = try await context.store.statistics()
        let further = await context.gateway.configuration.statistics()
        let uptime = (ContinuousClock.now - context.gateway.started).components.seconds
        return HTTPResponse(
            contentType: HTTPResponse.json,
            Shapes.statistics.bytes(
                of: Shapes.Statistics(store: statistics, uptimeSeconds: Int(uptime), further: further)))
    }
}
