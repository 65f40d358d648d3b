import TelemetryBase
import TelemetryHTTP
import TelemetryModels
import TelemetryPromQL
import TelemetryStores

/// The HTTP API of Prometheus, for Grafana and other clients; see Docs/Prometheus.md.
enum PrometheusRoutes {
    static let all: [Route] = [query, queryRange, series, labels, labelValues, metadata]

    // MARK: Queries

    private static let query = route(
        "query", "queryPrometheus", "A query at one time.",
        [PrometheusParameters.query, PrometheusParameters.time, PrometheusParameters.timeout]
    ) { context in
        let query = try context.promQLQuery()
        let time = try context[PrometheusParameters.time] ?? Timestamp.now.nanoseconds / 1_000_000
        let result = try await engine(context).instant(query, at: time)
        return try PrometheusResponse.body(of: result).response(context.gateway)
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
                "start, end and step mean \((end - start) / step + 1) points per series; "
                    + "the limit is \(engine.limits.maxSteps + 1): use a longer step")
        }
        let result = try await engine.range(query, from: start, through: end, step: step)
        return try PrometheusResponse.body(of: result).response(context.gateway)
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
        "series", "listPrometheusSeries", "The series that match a selector.",
        [PrometheusParameters.requiredMatch, PrometheusParameters.start, PrometheusParameters.end]
    ) { context in
        let selectors = try context.selectors(PrometheusParameters.requiredMatch)
        let found = try await directory(context).series(
            selectors, from: context[PrometheusParameters.start], through: context[PrometheusParameters.end])
        return try PrometheusResponse.list(found) { $0.appendJSON($1) }.response(context.gateway)
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
        return try PrometheusResponse.list(found) { $0.appendJSONString($1) }.response(context.gateway)
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

    // MARK: Routes

    private static func route(
        _ path: String, _ operationID: String, _ summary: String, _ parameters: [any RouteParameter],
        _ handle: @escaping @Sendable (RequestContext) async throws -> HTTPResponse
    ) -> Route {
        Route(
            path: "/prometheus/api/v1/\(path)", operationID: operationID, summary: summary, tag: "prometheus",
            parameters: parameters,
            responses: [PrometheusResponse.content],
            errors: [400, 422, 502, 503],
            requiresToken: true, isHeavy: true, acceptsForm: true,
            errorContent: .json(PrometheusFailure.shape), errorForm: { PrometheusFailure($0).response }
        ) { context in
            do {
                return try await handle(context)
            } catch let error as APIError {
                return PrometheusFailure(error).response
            } catch let error as PromQLError {
                return PrometheusFailure(error).response
            } catch let error as StoreError {
                return PrometheusFailure(APIError(error)).response
            }
        }
    }
}
