import TelemetryHTTP
import TelemetryModels

/// Samples of one GPU and of all: pages, the newest samples, and exports.
enum TelemetryRoutes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        let range: [any RouteParameter] = [RouteParameters.startTime, RouteParameters.endTime]
        let pages: [any RouteParameter] = [
            RouteParameters.timeOrder, RouteParameters.limit(configuration), RouteParameters.offset,
            RouteParameters.cursor,
        ]
        return [
            Route(
                path: "/api/v1/gpus/{uuid}/telemetry", operationID: "listGPUTelemetry",
                summary: "Samples of one GPU, by time.",
                tag: "telemetry", parameters: [RouteParameters.uuid, RouteParameters.metricNames] + range + pages,
                responses: [.json(Shapes.telemetryList)], errors: Routes.storeErrors + [404], requiresToken: true
            ) { context in
                let page = try await page(context)
                if page.items.isEmpty { try await context.knownGPU() }
                return try page.response(to: context.request, context.gateway)
            },
            Route(
                path: "/api/v1/gpus/{uuid}/telemetry/export", operationID: "exportGPUTelemetry",
                summary: "All samples of one GPU as a file; the CSV can be imported again.", tag: "telemetry",
                parameters: [RouteParameters.uuid, format, RouteParameters.metricNames] + range, responses: files,
                errors: Routes.storeErrors + [404], requiresToken: true, isHeavy: true
            ) { context in
                let filter = try context.filter()
                try await context.knownGPU()
                return try await export(filter, context)
            },
            Route(
                path: "/api/v1/telemetry", operationID: "listTelemetry", summary: "Samples of all GPUs, by time.",
                tag: "telemetry",
                parameters: RouteParameters.seriesFilters + range + pages, responses: [.json(Shapes.telemetryList)],
                errors: Routes.storeErrors, requiresToken: true, isHeavy: true
            ) { try await page($0).response(to: $0.request, $0.gateway) },
            Route(
                path: "/api/v1/telemetry/latest", operationID: "listLatest",
                summary: "The newest sample of every metric of every GPU, by metric and uuid.", tag: "telemetry",
                parameters: RouteParameters.seriesFilters + [
                    RouteParameters.limit(configuration), RouteParameters.offset,
                ],
                responses: [.json(Shapes.latestList)], errors: Routes.storeErrors, requiresToken: true, isHeavy: true
            ) { context in
                let samples = try await context.store.latest(try context.filter())
                return try context.list(context.page(of: samples), as: Shapes.latestList)
            },
            Route(
                path: "/api/v1/telemetry/export", operationID: "exportTelemetry",
                summary: "All samples of all GPUs as a file; the CSV can be imported again.", tag: "telemetry",
                parameters: [format] + RouteParameters.seriesFilters + range, responses: files,
                errors: Routes.storeErrors, requiresToken: true,
                isHeavy: true
            ) { try await export($0.filter(), $0) },
        ]
    }

    /// The default is the format that `Accept` prefers.
    private static let format = Parameter<ExportFormat?>.choice(
        "format", none: "auto",
        "csv: the columns of the DCGM export (RFC 4180); json; lineprotocol: InfluxDB line protocol; "
            + "auto: selected by Accept, otherwise csv.",
        example: "csv")

    private static let files = ExportFormat.allCases.map { format in
        format == .json ? .json(Shapes.export) : ResponseContent.text(format.contentType)
    }

    private static func page(_ context: RequestContext) async throws -> SamplePage {
        try await SamplePage.read(
            context.store, context.filter(), order: context[RouteParameters.timeOrder], limit: context.limit,
            offset: context[RouteParameters.offset], cursor: context[RouteParameters.cursor])
    }

    private static func export(_ filter: SampleFilter, _ context: RequestContext) async throws -> HTTPResponse {
        let format = try context[format]
        let accept = AcceptHeader(context.request)
        // The first of those with the highest weight.
        let preferred = ExportFormat.allCases.max { accept.quality($0.contentType) < accept.quality($1.contentType) }
        return try await TelemetryExport(store: context.store, filter: filter, gateway: context.gateway)
            .response(as: format ?? preferred ?? .csv, negotiated: format == nil)
    }
}
