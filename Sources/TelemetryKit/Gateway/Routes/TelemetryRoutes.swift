import TelemetryHTTP

/// Samples: in pages, the newest, and as files; of one GPU and of all.
enum TelemetryRoutes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        let range = [RouteParameters.startTime, RouteParameters.endTime]
        let pages = [
            RouteParameters.timeOrder, RouteParameters.limit(configuration), RouteParameters.offset,
            RouteParameters.cursor,
        ]
        return [
            Route(
                path: "/api/v1/gpus/{uuid}/telemetry", operationID: "listGPUTelemetry",
                summary: "Samples of one GPU, by time.",
                tag: "telemetry", parameters: [RouteParameters.uuid, RouteParameters.metricNames] + range + pages,
                answers: Routes.json("TelemetryList"), errors: Routes.storeErrors + [404], needsToken: true
            ) { try await page($0) },
            Route(
                path: "/api/v1/gpus/{uuid}/telemetry/export", operationID: "exportGPUTelemetry",
                summary: "All samples of one GPU as a file; the CSV can be imported again.", tag: "telemetry",
                parameters: [RouteParameters.uuid, format, RouteParameters.metricNames] + range, answers: files,
                errors: Routes.storeErrors + [404], needsToken: true, isHeavy: true
            ) { try await export($0) },
            Route(
                path: "/api/v1/telemetry", operationID: "listTelemetry", summary: "Samples of all GPUs, by time.",
                tag: "telemetry",
                parameters: RouteParameters.seriesFilters + range + pages, answers: Routes.json("TelemetryList"),
                errors: Routes.storeErrors, needsToken: true, isHeavy: true
            ) { try await page($0) },
            Route(
                path: "/api/v1/telemetry/latest", operationID: "listLatest",
                summary: "The newest sample of every metric of every GPU, by metric and uuid.", tag: "telemetry",
                parameters: RouteParameters.seriesFilters + [
                    RouteParameters.limit(configuration), RouteParameters.offset,
                ],
                answers: Routes.json("LatestList"), errors: Routes.storeErrors, needsToken: true, isHeavy: true
            ) { context in
                let samples = try await context.store.latest(try context.filter())
                return try context.list(context.page(of: samples)) { $0.appendJSON($1) }
            },
            Route(
                path: "/api/v1/telemetry/export", operationID: "exportTelemetry",
                summary: "All samples of all GPUs as a file; the CSV can be imported again.", tag: "telemetry",
                parameters: [format] + RouteParameters.seriesFilters + range, answers: files,
                errors: Routes.storeErrors, needsToken: true,
                isHeavy: true
            ) { try await export($0) },
        ]
    }

    /// The format that is written where neither `format` nor `Accept` chooses.
    private static let byAccept = "auto"

    private static let format = Route.Parameter(
        name: "format", kind: .choice([byAccept] + ExportFormat.allCases.map(\.rawValue), default: byAccept),
        description:
            "csv: the columns of the DCGM export (RFC 4180); json; lineprotocol: InfluxDB line protocol; auto: by Accept, otherwise csv.",
        example: "csv")

    private static let files = ExportFormat.allCases.map { format in
        Route.AnswerContent(contentType: format.contentType, schema: format == .json ? "TelemetryExport" : nil)
    }

    private static func page(_ context: RequestContext) async throws -> HTTPResponse {
        let page = try await SamplePage.read(
            context.store, try context.filter(), order: context.choice("order"), limit: context.integer("limit"),
            offset: context.integer("offset"), cursor: context.cursor)
        if page.items.isEmpty, context.segments["uuid"] != nil { try await context.knownGPU() }
        return try page.response(to: context.request, context.gateway)
    }

    private static func export(_ context: RequestContext) async throws -> HTTPResponse {
        let filter = try context.filter()
        if context.segments["uuid"] != nil { try await context.knownGPU() }
        let chosen = ExportFormat(rawValue: context.text("format") ?? byAccept)
        let accept = AcceptHeader(context.request)
        // Of those that are liked equally the first.
        let liked = ExportFormat.allCases.max { accept.quality($0.contentType) < accept.quality($1.contentType) }!
        return try await TelemetryExport(store: context.store, filter: filter, gateway: context.gateway)
            .response(as: chosen ?? liked, negotiated: chosen == nil)
    }
}
