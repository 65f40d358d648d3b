import TelemetryBase
import TelemetryHTTP
import TelemetryModels
import TelemetryPromQL
import TelemetryStores

/// Reads in the form of Prometheus' HTTP API, for Grafana and other clients of it; see Docs/Prometheus.md.
enum PrometheusRoutes {
    static let all: [Route] = [query, queryRange, series, labels, labelValues, metadata]

    // MARK: Queries

    private static let query = route(
        "query", "queryPrometheus", "A query at one time.",
        [PrometheusParameters.query, PrometheusParameters.time, PrometheusParameters.timeout]
    ) { context in
        let query = try context.promQLQuery()
        let time = try context[PrometheusParameters.time] ?? Timestamp.now.nanoseconds / 1_000_000
        let answer = try await engine(context).instant(query, at: time)
        return try PrometheusResponse.body(of: answer)
            .response(limit: context.gateway.configuration.maxResponseBytes, workers: context.gateway.workers)
    }

    private static let queryRange = route(
        "query_range", "queryPrometheusRange", "A query at every step between two times.",
        [
            PrometheusParameters.query, PrometheusParameters.rangeStart, PrometheusParameters.rangeEnd,
            PrometheusParameters.step, PrometheusParameters.timeout,
        ]
    ) { context in
        let start = try context[PrometheusParameters.rangeStart]
        let end = try context[PrometheusParameters.rangeEnd]
        guard end >= start else { throw PrometheusParameters.invalid("end", "it is before start") }
        let step = try context[PrometheusParameters.step]
        let query = try context.promQLQuery()
        let engine = try engine(context)
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

    private static func engine(_ context: RequestContext) throws(APIError) -> PromQLEngine {
        var engine = PromQLEngine(store: context.store, limits: context.gateway.configuration.promQL)
        if let timeout = try context[PrometheusParameters.timeout] {
            engine.limits.timeout = min(engine.limits.timeout, .milliseconds(timeout))
        }
        return engine
    }

    // MARK: Series

    private static let series = route(
        "series", "listPrometheusSeries", "The series that fit a selector.",
        [PrometheusParameters.requiredMatch, PrometheusParameters.start, PrometheusParameters.end]
    ) { context in
        let selectors = try context.selectors(PrometheusParameters.requiredMatch)
        let found = try await directory(context).series(
            selectors, from: context[PrometheusParameters.start], through: context[PrometheusParameters.end])
        return try list(found, context) { $0.appendJSON($1) }
    }

    private static let labels = route(
        "labels", "listPrometheusLabels", "The names of labels.",
        [PrometheusParameters.match, PrometheusParameters.start, PrometheusParameters.end]
    ) { context in
        try await texts(context) { $0.labels.map(\.name) }
    }

    private static let labelValues = route(
        "label/{name}/values", "listPrometheusLabelValues", "The values of a label.",
        [
            PrometheusParameters.labelName, PrometheusParameters.match, PrometheusParameters.start,
            PrometheusParameters.end,
        ]
    ) { context in
        let name = try context[PrometheusParameters.labelName]
        guard isLabelName(name) else { throw PromQLError(.badData, "\(promQLEcho(name)) is not the name of a label") }
        return try await texts(context) { labels in
            let value = labels[name]
            return value.isEmpty ? [] : [value]
        }
    }

    private static func directory(_ context: RequestContext) -> PrometheusDirectory {
        PrometheusDirectory(store: context.store, maxBytes: context.gateway.configuration.maxResponseBytes)
    }

    private static func texts(
        _ context: RequestContext, _ texts: @Sendable (LabelSet) -> [String]
    ) async throws -> HTTPResponse {
        let found = try await directory(context).texts(
            context.selectors(), from: context[PrometheusParameters.start],
            through: context[PrometheusParameters.end], texts)
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
        [PrometheusParameters.metric, PrometheusParameters.limit]
    ) { context in
        let limit = try context[PrometheusParameters.limit]
        let found = try await directory(context).metadata(of: context[PrometheusParameters.metric], limit: limit)
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
        _ path: String, _ operationID: String, _ summary: String, _ parameters: [any RouteParameter],
        _ handle: @escaping @Sendable (RequestContext) async throws -> HTTPResponse
    ) -> Route {
        Route(
            path: "/prometheus/api/v1/\(path)", operationID: operationID, summary: summary, tag: "prometheus",
            parameters: parameters,
            answers: [Route.AnswerContent(contentType: "application/json", schema: "PrometheusAnswer")],
            errors: [400, 422, 502, 503],
            requiresToken: true, isHeavy: true, acceptsForm: true, errorSchema: "PrometheusError",
            errorForm: { failure($0) }
        ) { context in
            do {
                return try await handle(context)
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
