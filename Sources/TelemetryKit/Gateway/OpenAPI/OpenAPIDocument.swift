import TelemetryBase
import TelemetryHTTP

/// Writes the OpenAPI 3.1 document of a table of routes.
struct OpenAPIDocument {
    let routes: [Route]
    let hasToken: Bool

    private typealias Writer = JSONWriter<ByteWriter>

    private static let tags: KeyValuePairs<String, String> = [
        "gpus": "GPUs and their stored samples.",
        "telemetry": "Samples: pages, the newest samples, exports, aggregates, and a live stream.",
        "fleet": "The health of hosts and GPUs.",
        "catalogue": "The meaning of metrics and errors.",
        "store": "Totals of the stored data.",
        "prometheus": "The HTTP API of Prometheus, for Grafana and other clients.",
        "service": "The state of the process, for monitoring.",
        "pages": "Pages for the browser.",
    ]

    private static let description = """
        Telemetry of GPUs as reported by the DCGM exporter. Times are RFC 3339, in responses in UTC. \
        Without start_time and end_time, a query covers all stored samples. An unknown or invalid parameter is an \
        error that names it. Every response has an X-Request-ID: that of the request if it is valid, otherwise a new \
        one. Errors are problem details (RFC 9457) with two additional members: error, a code for programs, and message.
        """

    var json: [UInt8] {
        ByteWriter.json(capacity: 64 * 1024) { json in
            json.object { json in
                json.member("openapi", "3.1.0")
                json.object("info") {
                    $0.member("title", "GPU telemetry gateway")
                    $0.member("version", packageVersion)
                    $0.member("description", Self.description)
                }
                json.array("servers") { $0.object { $0.member("url", "/") } }
                let used = Self.tags.filter { tag in routes.contains { $0.tag == tag.key } }
                json.array("tags", of: used) { json, tag in
                    json.object {
                        $0.member("name", tag.key)
                        $0.member("description", tag.value)
                    }
                }
                json.object("paths") { writePaths(to: &$0) }
                json.object("components") { writeComponents(to: &$0) }
            }
        }
    }

    // MARK: Operations

    private func writePaths(to json: inout Writer) {
        for route in routes {
            json.key(text: route.path)
            json.object {
                $0.object("get") { writeOperation(route, id: route.operationID, route.parameters, to: &$0) }
                guard route.acceptsForm else { return }
                $0.object("post") { json in
                    let parameters = route.parameters.filter(\.isInPath)
                    writeOperation(route, id: route.operationID + "ByForm", parameters, to: &json)
                    json.object("requestBody") { Self.writeForm(route.queryParameters, to: &$0) }
                }
            }
        }
    }

    private func writeOperation(
        _ route: Route, id: String, _ parameters: [any RouteParameter], to json: inout Writer
    ) {
        json.member("operationId", id)
        json.member("summary", route.summary)
        json.member("tags", [route.tag])
        if !parameters.isEmpty { json.array("parameters", of: parameters) { Self.write($1, to: &$0) } }
        if hasToken, route.requiresToken {
            json.array("security") { $0.object { $0.member("token", [String]()) } }
        }
        json.object("responses") { writeResponses(route, to: &$0) }
    }

    private static func writeForm(_ parameters: [any RouteParameter], to json: inout Writer) {
        let schema = JSONSchema.object(
            required: parameters.filter(\.isRequired).map(\.name), properties: parameters.map { ($0.name, $0.schema) })
        write([ResponseContent("application/x-www-form-urlencoded", schema: schema)], to: &json)
    }

    private static func write(_ parameter: any RouteParameter, to json: inout Writer) {
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

    // MARK: Responses

    private func writeResponses(_ route: Route, to json: inout Writer) {
        json.object("200") {
            $0.member("description", "OK")
            $0.object("headers") {
                $0.object("X-Request-ID") { $0.member("$ref", "#/components/headers/RequestID") }
                guard route.parameters.contains(where: { $0.name == RouteParameters.offset.name }) else { return }
                $0.object("Link") { $0.member("$ref", "#/components/headers/Link") }
            }
            Self.write(route.responses, to: &$0)
        }
        var errors = Set(route.errors).union([400, 406, 408, 413, 414, 431])
        if hasToken, route.requiresToken { errors.insert(401) }
        for status in errors.sorted() {
            json.key(text: "\(status)")
            json.object {
                $0.member("description", Self.meaning(of: status))
                Self.write([route.errors.contains(status) ? route.errorContent : .error], to: &$0)
            }
        }
    }

    private static func write(_ contents: [ResponseContent], to json: inout Writer) {
        json.object("content") { json in
            for content in contents {
                json.key(text: content.contentType)
                json.object { $0.member("schema", content.schema) }
            }
        }
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

    // MARK: Components

    /// The schemas that the routes refer to, each once.
    var components: [SchemaComponent] {
        var all: [SchemaComponent] = []
        func add(_ component: SchemaComponent) {
            guard !all.contains(where: { $0.name == component.name }) else { return }
            all.append(component)
            component.parts.forEach(add)
        }
        for content in [.error] + routes.flatMap({ $0.responses + [$0.errorContent] }) {
            content.components.forEach(add)
        }
        return all
    }

    private func writeComponents(to json: inout Writer) {
        json.object("schemas") { json in
            for component in components {
                json.key(text: component.name)
                json.value(component.schema)
            }
        }
        json.object("headers") {
            $0.object("RequestID") {
                $0.member("description", "Identifies the request, here and in logs.")
                $0.member("schema", JSONSchema.text)
            }
            $0.object("Link") {
                $0.member("description", "The address of the next page, if there is one (RFC 8288).")
                $0.member("schema", JSONSchema.text)
            }
        }
        guard hasToken else { return }
        json.object("securitySchemes") {
            $0.object("token") {
                $0.member("type", "http")
                $0.member("scheme", "bearer")
            }
        }
    }
}
