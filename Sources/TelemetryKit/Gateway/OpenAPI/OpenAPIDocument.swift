import TelemetryBase
import TelemetryHTTP

/// Writes the OpenAPI 3.1 document of a table of routes.
struct OpenAPIDocument {
    let routes: [Route]
    let hasToken: Bool

    private static let tags: KeyValuePairs<String, String> = [
        "gpus": "GPUs, and what is held of each.",
        "telemetry": "Samples: pages, the newest, files, aggregates, and as they come.",
        "fleet": "The health of hosts and GPUs.",
        "catalogue": "What metrics and errors mean.",
        "store": "What is held as a whole.",
        "prometheus": "The interface of Prometheus, for Grafana and others.",
        "service": "For machines that watch this process.",
        "pages": "For people.",
    ]

    private static let description = """
        Telemetry of GPUs as the DCGM exporter gives it. Times are RFC 3339; answers give them in UTC. Without start_time and end_time a \
        query means all that is held. A parameter that is not known, or not of its kind, is an error that names it. Every answer has an \
        X-Request-ID; one that a request brings is kept. Errors are problem details (RFC 9457) with two members beside them: error, a code \
        for programs, and message.
        """

    var json: [UInt8] {
        var out = ByteWriter(capacity: 64 * 1024)
        out.append(#"{"openapi":"3.1.0","info":{"title":"GPU telemetry gateway","version":"#)
        out.appendJSONString(packageVersion)
        out.append(#","description":"#)
        out.appendJSONString(Self.description)
        out.append(#"},"servers":[{"url":"/"}],"tags":"#)
        out.appendList(Self.tags.filter { tag in routes.contains { $0.tag == tag.key } }) { out, tag in
            out.append("{\"name\":")
            out.appendJSONString(tag.key)
            out.append(",\"description\":")
            out.appendJSONString(tag.value)
            out.append("}")
        }
        out.append(#","paths":{"#)
        for (index, route) in routes.enumerated() {
            if index > 0 { out.append(",") }
            out.appendJSONString(route.path)
            out.append(#":{"get":"#)
            appendOperation(route, to: &out)
            if route.acceptsForm {
                out.append(#","post":"#)
                appendOperation(route, asForm: true, to: &out)
            }
            out.append("}")
        }
        out.append(#"},"components":{"schemas":{"#)
        for (index, schema) in Schemas.all.enumerated() {
            if index > 0 { out.append(",") }
            out.appendJSONString(schema.name)
            out.append(":")
            out.append(schema.json)
        }
        out.append(
            #"},"headers":{"RequestID":{"description":"What tells this request from any other, here and in logs.","schema":{"type":"string"}},"Link":{"description":"The address of the next page, where there is one (RFC 8288).","schema":{"type":"string"}}}"#
        )
        if hasToken { out.append(#","securitySchemes":{"token":{"type":"http","scheme":"bearer"}}"#) }
        out.append("}}")
        return out.bytes
    }

    private func appendOperation(_ route: Route, asForm: Bool = false, to out: inout ByteWriter) {
        out.append(#"{"operationId":"#)
        out.appendJSONString(route.operationID + (asForm ? "ByForm" : ""))
        out.append(#","summary":"#)
        out.appendJSONString(route.summary)
        out.append(#","tags":["#)
        out.appendJSONString(route.tag)
        out.append("]")
        let parameters = asForm ? route.parameters.filter(\.isInPath) : route.parameters
        if !parameters.isEmpty {
            out.append(#","parameters":"#)
            out.appendList(parameters) { appendParameter($1, to: &$0) }
        }
        if asForm { appendForm(route, to: &out) }
        if hasToken, route.requiresToken { out.append(#","security":[{"token":[]}]"#) }
        out.append(
            ##","responses":{"200":{"description":"OK","headers":{"X-Request-ID":{"$ref":"#/components/headers/RequestID"}"##
        )
        if route.parameters.contains(where: { $0.name == "offset" }) {
            out.append(##","Link":{"$ref":"#/components/headers/Link"}"##)
        }
        out.append(#"},"content":{"#)
        for (index, answer) in route.answers.enumerated() {
            if index > 0 { out.append(",") }
            appendContent(answer, to: &out)
        }
        out.append("}}")
        var errors = Set(route.errors).union([400, 406, 408, 413, 414, 431])
        if hasToken, route.requiresToken { errors.insert(401) }
        for status in errors.sorted() {
            out.append(",\"\(status)\":{\"description\":")
            out.appendJSONString(Self.meaning(of: status))
            out.append(",\"content\":{")
            // A readiness that fails has the same form as one that does not.
            if route.operationID == "getReadiness" && status == 503 {
                appendContent(Route.AnswerContent(contentType: Responses.json, schema: "Readiness"), to: &out)
            } else if route.errorSchema != "Error", route.errors.contains(status) {
                appendContent(Route.AnswerContent(contentType: Responses.json, schema: route.errorSchema), to: &out)
            } else {
                appendContent(Route.AnswerContent(contentType: APIError.contentType, schema: "Error"), to: &out)
            }
            out.append("}}")
        }
        out.append("}}")
    }

    private static func meaning(of status: Int) -> String {
        switch status {
        case 400: "A parameter is unknown or invalid, or there are too many."
        case 401: "The token is missing or wrong."
        case 404: "Not found."
        case 406: "Accept matches none of the available media types."
        case 408: "The request took too long to arrive."
        case 413, 414, 431: "The request's body, URL or header is too large."
        case 422: "The query is not supported or too expensive, or its response would be too large."
        case 502: "The database sent an invalid response."
        case 504: "The deadline passed; request fewer series or a shorter time range."
        case 503: "Temporarily unavailable; Retry-After contains the delay before the next attempt."
        default: "\(HTTPResponse.reason(status))"
        }
    }

    private func appendContent(_ answer: Route.AnswerContent, to out: inout ByteWriter) {
        out.appendJSONString(answer.contentType)
        if let schema = answer.schema {
            out.append(":{\"schema\":{\"$ref\":\"#/components/schemas/\(schema)\"}}")
        } else {
            out.append(
                answer.contentType == Responses.json
                    ? #":{"schema":{"type":"object"}}"# : #":{"schema":{"type":"string"}}"#)
        }
    }

    private func appendForm(_ route: Route, to out: inout ByteWriter) {
        out.append(
            #","requestBody":{"content":{"application/x-www-form-urlencoded":{"schema":{"type":"object","properties":{"#
        )
        for (index, parameter) in route.queryParameters.enumerated() {
            if index > 0 { out.append(",") }
            out.appendJSONString(parameter.name)
            out.append(":")
            out.appendJSON(parameter.schema)
        }
        out.append(#"},"required":"#)
        out.appendList(route.queryParameters.filter(\.isRequired)) { $0.appendJSONString($1.name) }
        out.append("}}}}")
    }

    private func appendParameter(_ parameter: any RouteParameter, to out: inout ByteWriter) {
        out.appendJSON { json in
            json.object {
                $0.member("name", parameter.name)
                $0.member("in", parameter.isInPath ? "path" : "query")
                if parameter.isRequired { $0.member("required", true) }
                $0.member("description", parameter.description)
                $0.member("schema", parameter.schema)
                switch parameter.schema.type {
                case "array": $0.member("example", [parameter.example])
                case "integer": $0.member("example", json: Array(parameter.example.utf8))
                default: $0.member("example", parameter.example)
                }
            }
        }
    }
}
