import TelemetryNet

/// The gateway's operations.
enum Routes {
    static func all(_ configuration: Gateway.Configuration) -> [Route] {
        service + pages + gpus(configuration) + [metrics, stats] + PrometheusRoutes.all
    }

    private static let json = Route.AnswerContent(contentType: "application/json", schema: nil)

    private static func json(_ schema: String) -> [Route.AnswerContent] {
        [Route.AnswerContent(contentType: "application/json", schema: schema)]
    }

    // MARK: Parameters

    private static let uuid = Route.Parameter(
        name: "uuid", kind: .pathText, description: "The GPU's uuid.", example: "GPU-5fd4f087-86f3-7a43-b711-4771313afc50")

    private static func limit(_ configuration: Gateway.Configuration) -> Route.Parameter {
        Route.Parameter(
            name: "limit", kind: .integer(1...configuration.maxLimit, default: configuration.defaultLimit),
            description: "At most so many entries.", example: "10")
    }

    private static let offset = Route.Parameter(
        name: "offset", kind: .integer(0...Int.max, default: 0), description: "So many entries are skipped first.", example: "0")
    private static let metricName = Route.Parameter(
        name: "metric_name", kind: .text, description: "Only samples of this metric.", example: "DCGM_FI_DEV_GPU_TEMP")
    private static let startTime = Route.Parameter(
        name: "start_time", kind: .time, description: "Only samples at or after this time (RFC 3339).", example: "2025-07-18T20:42:34Z")
    private static let endTime = Route.Parameter(
        name: "end_time", kind: .time, description: "Only samples at or before this time (RFC 3339).", example: "2025-07-18T20:42:37Z")

    // MARK: Service

    private static let service: [Route] = [
        Route(
            path: "/health", operationID: "getHealth", summary: "Whether the process is alive.", tag: "service",
            answers: json("Health")
        ) { _ in HTTPResponse(contentType: "application/json", Array(#"{"status":"ok"}"#.utf8)) },
        Route(
            path: "/ready", operationID: "getReadiness",
            summary: "Whether the store can be asked and all that feeds it is connected.", tag: "service",
            answers: json("Readiness"), errors: [503]
        ) { try await readiness($0) },
        Route(
            path: "/metrics", operationID: "getPrometheusMetrics", summary: "Counters of this process, in the Prometheus text format.",
            tag: "service", answers: [Route.AnswerContent(contentType: ByteWriter.prometheusContentType, schema: nil)]
        ) { try await prometheus($0) },
    ]

    private static func readiness(_ context: RequestContext) async throws -> HTTPResponse {
        var checks: [Gateway.ReadinessCheck] = []
        do {
            try await context.store.checkHealth()
            checks.append(Gateway.ReadinessCheck(name: "store", isReady: true, detail: "answers"))
        } catch {
            checks.append(Gateway.ReadinessCheck(name: "store", isReady: false, detail: "\(error)"))
        }
        checks += await context.gateway.configuration.readiness()
        let isReady = checks.allSatisfy(\.isReady)
        var body = ByteWriter()
        body.append(isReady ? #"{"status":"ready","checks":["# : #"{"status":"not_ready","checks":["#)
        for (index, check) in checks.enumerated() {
            if index > 0 { body.append(",") }
            body.append("{\"name\":")
            body.appendJSONString(check.name)
            body.append(check.isReady ? ",\"ready\":true,\"detail\":" : ",\"ready\":false,\"detail\":")
            body.appendJSONString(check.detail)
            body.append("}")
        }
        body.append("]}")
        return HTTPResponse(status: isReady ? 200 : 503, contentType: "application/json", body.bytes)
    }

    private static func prometheus(_ context: RequestContext) async throws -> HTTPResponse {
        var out = ByteWriter(capacity: 4096)
        context.gateway.counters.append(to: &out)
        // A store that cannot answer must not hide the other numbers.
        let statistics = try? await context.store.statistics()
        out.appendMetric("gateway_store_up", "gauge", "1 where the store answered this scrape.", statistics == nil ? 0 : 1)
        if let statistics {
            out.appendMetric("gateway_store_samples", "gauge", "Samples that the store holds.", Int64(statistics.sampleCount))
            out.appendMetric("gateway_store_gpus", "gauge", "GPUs that have samples.", Int64(statistics.gpuCount))
            out.appendMetric("gateway_store_hosts", "gauge", "Hosts that have samples.", Int64(statistics.hostCount))
        }
        out.append(await context.gateway.configuration.metrics())
        return HTTPResponse(contentType: ByteWriter.prometheusContentType, out.bytes)
    }

    // MARK: Pages and document

    private static let html = [Route.AnswerContent(contentType: "text/html; charset=utf-8", schema: nil)]

    private static let pages: [Route] = [
        Route(path: "/", operationID: "getStatusPage", summary: "A page with the state of the fleet.", tag: "pages", answers: html) { _ in
            HTTPResponse(contentType: "text/html; charset=utf-8", Array(StatusPage.html.utf8))
        },
        Route(
            path: "/swagger/index.html", operationID: "getSwaggerPage", summary: "This interface, to read and to try.", tag: "pages",
            answers: html
        ) { SwaggerPage.index($0.gateway) },
        Route(
            path: "/swagger/{file}", operationID: "getSwaggerFile", summary: "A file of the Swagger page.", tag: "pages",
            parameters: [
                Route.Parameter(name: "file", kind: .pathText, description: "The file's name.", example: "swagger-ui.css")
            ],
            answers: [Route.AnswerContent(contentType: "application/octet-stream", schema: nil)], errors: [404]
        ) { try SwaggerPage.file($0.segment("file"), $0.gateway) },
        Route(
            path: "/openapi.json", operationID: "getOpenAPI", summary: "This interface as an OpenAPI 3.1 document.", tag: "service",
            answers: [json]
        ) { HTTPResponse(contentType: "application/json", $0.gateway.openAPI) },
    ]

    // MARK: GPUs

    private static func gpus(_ configuration: Gateway.Configuration) -> [Route] {
        [
            Route(
                path: "/api/v1/gpus", operationID: "listGPUs", summary: "The GPUs that have samples, by host and index.", tag: "gpus",
                parameters: [limit(configuration), offset], answers: json("GPUList"), errors: [400, 502, 503], needsToken: true
            ) { context in
                let page = try await context.store.gpus(limit: context.integer("limit"), offset: context.integer("offset"))
                return Answers.list(page) { $0.appendJSON($1) }
            },
            Route(
                path: "/api/v1/gpus/{uuid}", operationID: "getGPU", summary: "One GPU.", tag: "gpus", parameters: [uuid],
                answers: json("GPU"), errors: [400, 404, 502, 503], needsToken: true
            ) { context in
                let info = try await knownGPU(context)
                return Answers.object { $0.appendJSON(info) }
            },
            Route(
                path: "/api/v1/gpus/{uuid}/metrics", operationID: "listGPUMetrics", summary: "The metrics that one GPU has samples of.",
                tag: "gpus", parameters: [uuid], answers: json("MetricList"), errors: [400, 404, 502, 503], needsToken: true
            ) { context in
                let metrics = try await context.store.metrics(uuid: context.segment("uuid"))
                if metrics.isEmpty { _ = try await knownGPU(context) }
                return Answers.list(Page(items: metrics, total: metrics.count)) { $0.appendJSON($1) }
            },
            Route(
                path: "/api/v1/gpus/{uuid}/telemetry", operationID: "listTelemetry", summary: "Samples of one GPU, oldest first.",
                tag: "telemetry", parameters: [uuid, metricName, startTime, endTime, limit(configuration), offset],
                answers: json("TelemetryList"), errors: [400, 404, 502, 503], needsToken: true
            ) { context in
                var query = try telemetryQuery(context)
                query.limit = context.integer("limit")
                query.offset = context.integer("offset")
                let page = try await context.store.telemetry(query)
                if page.total == 0 { _ = try await knownGPU(context) }
                return Answers.list(page) { $0.appendJSON($1) }
            },
            Route(
                path: "/api/v1/gpus/{uuid}/telemetry/export", operationID: "exportTelemetry",
                summary: "All samples of one GPU as a file; the CSV can be read in again.", tag: "telemetry",
                parameters: [
                    uuid,
                    Route.Parameter(
                        name: "format", kind: .choice(["csv", "json"], default: "csv"), description: "The file's format.", example: "csv"),
                    metricName, startTime, endTime,
                ],
                answers: [
                    Route.AnswerContent(contentType: "text/csv; charset=utf-8; header=present", schema: nil),
                    Route.AnswerContent(contentType: "application/json", schema: "TelemetryExport"),
                ], errors: [400, 404, 502, 503], needsToken: true
            ) { context in
                let query = try telemetryQuery(context)
                _ = try await knownGPU(context)
                return try await TelemetryExport(store: context.store, query: query).response(as: context.text("format")!)
            },
        ]
    }

    private static func knownGPU(_ context: RequestContext) async throws -> GPUInfo {
        let uuid = context.segment("uuid")
        guard let info = try await context.store.gpu(uuid: uuid) else { throw APIError.notFound("no samples of a GPU \(uuid)") }
        return info
    }

    private static func telemetryQuery(_ context: RequestContext) throws -> TelemetryQuery {
        let query = TelemetryQuery(
            uuid: context.segment("uuid"), metricName: context.text("metric_name"), startTime: context.time("start_time"),
            endTime: context.time("end_time"))
        if let start = query.filter.startTime, let end = query.filter.endTime, start > end {
            throw APIError.badRequest("start_time=\(start) is after end_time=\(end)")
        }
        return query
    }

    // MARK: Store

    private static let metrics = Route(
        path: "/api/v1/metrics", operationID: "listMetrics", summary: "The metrics that have samples.", tag: "store",
        answers: json("MetricList"), errors: [400, 502, 503], needsToken: true
    ) { context in
        let metrics = try await context.store.metrics(uuid: nil)
        return Answers.list(Page(items: metrics, total: metrics.count)) { $0.appendJSON($1) }
    }

    private static let stats = Route(
        path: "/api/v1/stats", operationID: "getStatistics", summary: "What the store holds, and how the pipeline does.", tag: "store",
        answers: json("Statistics"), errors: [400, 502, 503], needsToken: true
    ) { context in
        let statistics = try await context.store.statistics()
        let further = await context.gateway.configuration.statistics()
        let uptime = (ContinuousClock.now - context.gateway.started).components.seconds
        return Answers.object { out in
            out.append("{\"store\":")
            out.appendJSON(statistics)
            out.append(",\"uptime_seconds\":")
            out.appendDecimal(uptime)
            for (name, json) in further {
                out.append(",")
                out.appendJSONString(name)
                out.append(":")
                out.append(json)
            }
            out.append("}")
        }
    }
}
