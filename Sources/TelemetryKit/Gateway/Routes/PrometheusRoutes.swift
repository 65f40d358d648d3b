import TelemetryBase
import TelemetryHTTP
import TelemetryModels
import TelemetryPromQL
import TelemetryStores

/// Reads in the form of Prometheus' HTTP API, for Grafana and other clients of it; see Docs/Prometheus.md.
enum PrometheusRoutes {
    static let all: [Route] = [query, queryRange, series, labels, labelValues, metadata]

    // MARK: Parameters

    private static let queryText = Route.Parameter(
        name: "query", kind: .text, description: "A PromQL expression.",
        example: "avg by (Hostname) (DCGM_FI_DEV_GPU_TEMP)",
        isRequired: true)
    private static let timeout = Route.Parameter(
        name: "timeout", kind: .text, description: "Maximum duration of the query: seconds, or a duration.",
        example: "30s")
    private static let match = Route.Parameter(
        name: "match[]", kind: .texts, description: "Only series that match a selector.",
        example: "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\"}")

    private static func time(_ name: String, _ description: String) -> Route.Parameter {
        Route.Parameter(
            name: name, kind: .text, description: description + " Seconds since 1970, or RFC 3339.",
            example: "2025-07-18T20:42:37Z")
    }

    private static func required(_ parameter: Route.Parameter) -> Route.Parameter {
        var parameter = parameter
        parameter.isRequired = true
        return parameter
    }

    private static let start = time("start", "The first time.")
    private static let end = time("end", "The last time.")

    // MARK: Queries

    private static let query = route(
        "query", "queryPrometheus", "A query at one time.",
        [queryText, time("time", "Now where it is left out."), timeout]
    ) { context, form in
        let query = try form.query(maxSelectors: context.gateway.configuration.maxSelectors)
        let time = try form.time("time") ?? Timestamp.now.nanoseconds / 1_000_000
        let answer = try await engine(context, form).instant(query, at: time)
        return try PrometheusResponse.body(of: answer)
            .response(limit: context.gateway.configuration.maxResponseBytes, workers: context.gateway.workers)
    }

    private static let queryRange = route(
        "query_range", "queryPrometheusRange", "A query at every step between two times.",
        [
            queryText, required(start), required(end),
            Route.Parameter(
                name: "step", kind: .text, description: "Seconds, or a duration.", example: "15s", isRequired: true),
            timeout,
        ]
    ) { context, form in
        let start = try form.required("start", form.time("start"))
        let end = try form.required("end", form.time("end"))
        let step = try form.required("step", form.duration("step"))
        guard end >= start else { throw PromQLError(.badData, "invalid parameter \"end\": it is before start") }
        guard step > 0 else {
            throw PromQLError(.badData, "invalid parameter \"step\": it must be at least a millisecond")
        }
        let query = try form.query(maxSelectors: context.gateway.configuration.maxSelectors)
        let engine = try engine(context, form)
        guard (end - start) / step <= engine.limits.maxSteps else {
            throw PromQLError(
                .badData,
                "start, end and step ask for \((end - start) / step + 1) points of each series, and "
                    + "\(engine.limits.maxSteps + 1) is the limit: a longer step gives fewer")
        }
        let answer = try await engine.range(query, from: start, through: end, step: step)
        return try PrometheusResponse.body(of: answer)
            .response(limit: context.gateway.configuration.maxResponseBytes, workers: context.gateway.workers)
    }

    private static func engine(_ context: RequestContext, _ form: PrometheusForm) throws -> PromQLEngine {
        var engine = PromQLEngine(store: context.store, limits: context.gateway.configuration.promQL)
        if let timeout = try form.duration("timeout") {
            guard timeout > 0 else {
                throw PromQLError(.badData, "invalid parameter \"timeout\": it must be at least a millisecond")
            }
            engine.limits.timeout = min(engine.limits.timeout, .milliseconds(timeout))
        }
        return engine
    }

    // MARK: Series

    private static let series = route(
        "series", "listPrometheusSeries", "The series that fit a selector.", [required(match), start, end]
    ) {
        context, form in
        let selectors = try selectors(context, form)
        guard !selectors.isEmpty else { throw PromQLError(.badData, "invalid parameter \"match[]\": it is missing") }
        let found = try await directory(context).series(selectors, from: form.time("start"), through: form.time("end"))
        return try list(found, context) { $0.appendJSON($1) }
    }

    private static let labels = route("labels", "listPrometheusLabels", "The names of labels.", [match, start, end]) {
        context, form in
        try await texts(context, form) { $0.labels.map(\.name) }
    }

    private static let labelValues = route(
        "label/{name}/values", "listPrometheusLabelValues", "The values of a label.",
        [
            Route.Parameter(name: "name", kind: .pathText, description: "The label's name.", example: "Hostname"),
            match, start, end,
        ]
    ) { context, form in
        let name = context.segment("name")
        guard isLabelName(name) else { throw PromQLError(.badData, "\(promQLEcho(name)) is not the name of a label") }
        return try await texts(context, form) { labels in
            let value = labels[name]
            return value.isEmpty ? [] : [value]
        }
    }

    private static func selectors(_ context: RequestContext, _ form: PrometheusForm) throws -> [PromQLSelector] {
        try form.selectors(limit: context.gateway.configuration.maxSelectors)
    }

    private static func directory(_ context: RequestContext) -> PrometheusDirectory {
        PrometheusDirectory(store: context.store, maxBytes: context.gateway.configuration.maxResponseBytes)
    }

    private static func texts(
        _ context: RequestContext, _ form: PrometheusForm, _ texts: @Sendable (LabelSet) -> [String]
    ) async throws -> HTTPResponse {
        let found = try await directory(context)
            .texts(selectors(context, form), from: form.time("start"), through: form.time("end"), texts)
        return try list(found, context) { $0.appendJSONString($1) }
    }

    private static func list<Element: Sendable>(
        _ elements: [Element], _ context: RequestContext,
        _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
    ) throws -> HTTPResponse {
        let body = PiecedBody(elements) { json, elements in
            json.object {
                $0.member("status", "success")
                $0.array("data", elements)
            }
        } makeWriter: {
            append
        }
        return
            try body
            .response(limit: context.gateway.configuration.maxResponseBytes, workers: context.gateway.workers)
    }

    private static let metadata = route(
        "metadata", "listPrometheusMetadata",
        "Type, unit and meaning of the metrics that have samples and that the catalogue knows.",
        [
            Route.Parameter(
                name: "metric", kind: .text, description: "Only this metric.", example: "DCGM_FI_DEV_GPU_TEMP"),
            Route.Parameter(name: "limit", kind: .text, description: "Maximum number of metrics.", example: "100"),
        ]
    ) { context, form in
        let limit = form.text("limit").map(Int.init) ?? .max
        guard let limit else { throw PromQLError(.badData, "invalid parameter \"limit\": it is not a whole number") }
        let found = try await directory(context).metadata(of: form.text("metric"), limit: limit < 0 ? .max : limit)
        return PrometheusResponse.success { json in
            json.object {
                for (name, field) in found {
                    $0.key(text: name)
                    $0.array {
                        $0.object {
                            $0.member("type", field.metricType.rawValue)
                            $0.member("help", field.meaning)
                            $0.member("unit", field.unit)
                        }
                    }
                }
            }
        }
    }

    // MARK: Errors

    /// An error of the gateway in Prometheus' words: a query that takes too long is 503 there.
    private static func failure(_ error: APIError) -> HTTPResponse {
        switch error.status {
        case 400: PrometheusResponse.failure(status: 400, errorType: "bad_data", error.message)
        case 422: PrometheusResponse.failure(status: 422, errorType: "execution", error.message)
        case 504: PrometheusResponse.failure(status: 503, errorType: "timeout", error.message)
        case 503:
            PrometheusResponse.failure(status: 503, errorType: "unavailable", error.message, headers: error.headers)
        default:
            PrometheusResponse.failure(
                status: error.status, errorType: "internal", error.message, headers: error.headers)
        }
    }

    private static func route(
        _ path: String, _ operationID: String, _ summary: String, _ parameters: [Route.Parameter],
        _ handle: @escaping @Sendable (RequestContext, PrometheusForm) async throws -> HTTPResponse
    ) -> Route {
        Route(
            path: "/prometheus/api/v1/\(path)", operationID: operationID, summary: summary, tag: "prometheus",
            parameters: parameters,
            answers: [Route.AnswerContent(contentType: "application/json", schema: "PrometheusAnswer")],
            errors: [400, 422, 502, 503],
            needsToken: true, isHeavy: true, takesForm: true, errorSchema: "PrometheusError", errorForm: { failure($0) }
        ) { context in
            do {
                return try await handle(context, PrometheusForm(context.request))
            } catch let error as APIError {
                return failure(error)
            } catch let error as PromQLError {
                let (status, errorType) = error.answer
                return PrometheusResponse.failure(status: status, errorType: "\(errorType)", error.message)
            } catch let error as StoreError {
                return failure(APIError(error))
            }
        }
    }
}
