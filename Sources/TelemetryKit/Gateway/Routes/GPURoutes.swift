import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// GPUs and their stored samples.
enum GPURoutes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        [
            Route(
                path: "/api/v1/gpus", operationID: "listGPUs", summary: "The GPUs that have samples.", tag: "gpus",
                parameters: [
                    RouteParameters.hostnames, RouteParameters.models, sort, order,
                    RouteParameters.limit(configuration), RouteParameters.offset,
                ],
                responses: [.json(Shapes.gpuList)], errors: Routes.storeErrors, requiresToken: true, isHeavy: true
            ) { try await list($0) },
            Route(
                path: "/api/v1/gpus/{uuid}", operationID: "getGPU", summary: "One GPU.", tag: "gpus",
                parameters: [RouteParameters.uuid],
                responses: [.json(Shapes.gpu)], errors: Routes.storeErrors + [404], requiresToken: true
            ) { context in
                let info = try await context.knownGPU()
                return HTTPResponse(contentType: HTTPResponse.json, Shapes.gpu.bytes(of: info))
            },
            Route(
                path: "/api/v1/gpus/{uuid}/metrics", operationID: "listGPUMetrics",
                summary: "The metrics that one GPU has samples of.",
                tag: "gpus", parameters: [RouteParameters.uuid], responses: [.json(Shapes.metricList)],
                errors: Routes.storeErrors + [404],
                requiresToken: true
            ) { context in
                let metrics = try await context.store.metrics(uuid: context[RouteParameters.uuid])
                if metrics.isEmpty { try await context.knownGPU() }
                return try Responses.list(
                    Page(items: metrics, total: metrics.count), as: Shapes.metricList, context.gateway)
            },
            Route(
                path: "/api/v1/gpus/{uuid}/latest", operationID: "listGPULatest",
                summary: "The newest sample of each metric of one GPU.",
                tag: "gpus", parameters: [RouteParameters.uuid, RouteParameters.metricNames],
                responses: [.json(Shapes.latestList)],
                errors: Routes.storeErrors + [404], requiresToken: true
            ) { context in
                let samples = try await context.store.latest(try context.filter())
                if samples.isEmpty { try await context.knownGPU() }
                return try Responses.list(
                    Page(items: samples, total: samples.count), as: Shapes.latestList, context.gateway)
            },
        ]
    }

    private enum Sort: String, CaseIterable { case host, uuid, model, lastSeen = "last_seen" }

    private static let sort = Parameter<Sort>.choice(
        "sort", default: .host,
        "host: by hostname, then gpu_id; in every other order, equal GPUs are sorted by host.", example: "last_seen")
    private static let order = Parameter<PageCursor.Order>.choice(
        "order", default: .asc, "asc: first in the alphabet, or oldest, first; desc: last or newest first.",
        example: "asc")

    private static func list(_ context: RequestContext) async throws -> HTTPResponse {
        let filter = try context.filter()
        let sort = try context[sort]
        let order = try context[order]
        // A store's own order needs no more than the page.
        if sort == .host, order == .asc {
            let page = try await context.store.gpus(
                filter, limit: context.limit, offset: context[RouteParameters.offset])
            return try context.list(page, as: Shapes.gpuList)
        }
        let all = try await context.store.gpus(filter, limit: .max, offset: 0).items
        // `sorted` keeps the order of what is equal, so ties stay in the order of hosts.
        let ascending =
            switch sort {
            case .host: all
            case .uuid: all.sorted { $0.identity.uuid.precedes($1.identity.uuid) }
            case .model: all.sorted { $0.identity.modelName.precedes($1.identity.modelName) }
            case .lastSeen: all.sorted { $0.lastSeen < $1.lastSeen }
            }
        return try context.list(
            context.page(of: order == .asc ? ascending : ascending.reversed()), as: Shapes.gpuList)
    }
}
