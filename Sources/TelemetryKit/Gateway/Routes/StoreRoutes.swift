import TelemetryHTTP
import TelemetryModels

/// What is held as a whole.
enum StoreRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/metrics", operationID: "listMetrics", summary: "The metrics that have samples.",
            tag: "store",
            answers: Routes.json("MetricList"), errors: Routes.storeErrors, requiresToken: true, isHeavy: true
        ) { context in
            let metrics = try await context.store.metrics(uuid: nil)
            return try Responses.list(Page(items: metrics, total: metrics.count), context.gateway) { $0.appendJSON($1) }
        },
        Route(
            path: "/api/v1/stats", operationID: "getStatistics",
            summary: "The sizes of the store, and the state of the pipeline.", tag: "store",
            answers: Routes.json("Statistics"), errors: Routes.storeErrors, requiresToken: true, isHeavy: true
        ) { try await statistics($0) },
    ]

    private static func statistics(_ context: RequestContext) async throws -> HTTPResponse {
        let statistics = try await context.store.statistics()
        let further = await context.gateway.configuration.statistics()
        let uptime = (ContinuousClock.now - context.gateway.started).components.seconds
        return Responses.object { json in
            json.member("store", statistics)
            json.member("uptime_seconds", uptime)
            for (name, bytes) in further {
                json.key(text: name)
                json.value(json: bytes)
            }
        }
    }
}
