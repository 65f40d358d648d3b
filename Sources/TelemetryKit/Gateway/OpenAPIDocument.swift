import TelemetryNet

/// Writes the OpenAPI 3.1 document of a table of routes.
struct OpenAPIDocument {
    let routes: [Route]
    let hasToken: Bool

    var json: [UInt8] {
        var out = ByteWriter(capacity: 16 * 1024)
        out.append(#"{"openapi":"3.1.0","info":{"title":"GPU telemetry gateway","version":"1.0.0","description":"Telemetry of GPUs as the DCGM exporter gives it. Times are RFC 3339 in UTC. Without start_time and end_time a query means all that is held."},"paths":{"#)
        for (index, route) in routes.enumerated() {
            if index > 0 { out.append(",") }
            out.appendJSONString(route.path)
            out.append(#":{"get":"#)
            appendOperation(route, to: &out)
            out.append("}")
        }
        out.append(#"},"components":{"schemas":{"#)
        for (index, schema) in Schemas.all.enumerated() {
            if index > 0 { out.append(",") }
            out.appendJSONString(schema.name)
            out.append(":")
            out.append(schema.json)
        }
        out.append("}")
        if hasToken { out.append(#","securitySchemes":{"token":{"type":"http","scheme":"bearer"}}"#) }
        out.append("}}")
        return out.bytes
    }

    private func appendOperation(_ route: Route, to out: inout ByteWriter) {
        out.append(#"{"operationId":"#)
        out.appendJSONString(route.operationID)
        out.append(#","summary":"#)
        out.appendJSONString(route.summary)
        out.append(#","tags":["#)
        out.appendJSONString(route.tag)
        out.append("]")
        if !route.parameters.isEmpty {
            out.append(#","parameters":["#)
            for (index, parameter) in route.parameters.enumerated() {
                if index > 0 { out.append(",") }
                appendParameter(parameter, to: &out)
            }
            out.append("]")
        }
        if hasToken, route.needsToken { out.append(#","security":[{"token":[]}]"#) }
        out.append(#","responses":{"200":{"description":"OK","content":{"#)
        for (index, answer) in route.answers.enumerated() {
            if index > 0 { out.append(",") }
            appendContent(answer, to: &out)
        }
        out.append("}}")
        var errors = Set(route.errors).union([400])
        if hasToken, route.needsToken { errors.insert(401) }
        for status in errors.sorted() {
            out.append(",\"\(status)\":{\"description\":\"\(HTTPResponse.reason(status))\",\"content\":{")
            // A readiness that fails has the same form as one that does not.
            let schema = route.operationID == "getReadiness" && status == 503 ? "Readiness" : status == 401 ? "Error" : route.errorSchema
            appendContent(Route.AnswerContent(contentType: "application/json", schema: schema), to: &out)
            out.append("}}")
        }
        out.append("}}")
    }

    private func appendContent(_ answer: Route.AnswerContent, to out: inout ByteWriter) {
        out.appendJSONString(answer.contentType)
        if let schema = answer.schema {
            out.append(":{\"schema\":{\"$ref\":\"#/components/schemas/\(schema)\"}}")
        } else {
            out.append(answer.contentType == "application/json" ? ":{}" : #":{"schema":{"type":"string"}}"#)
        }
    }

    private func appendParameter(_ parameter: Route.Parameter, to out: inout ByteWriter) {
        out.append(#"{"name":"#)
        out.appendJSONString(parameter.name)
        out.append(#","in":"#)
        if case .pathText = parameter.kind { out.append(#""path","required":true"#) } else { out.append(#""query""#) }
        out.append(#","description":"#)
        out.appendJSONString(parameter.description)
        out.append(#","schema":"#)
        var exampleIsNumber = false
        switch parameter.kind {
        case .pathText, .text: out.append(#"{"type":"string","minLength":1}"#)
        case .texts: out.append(#"{"type":"array","items":{"type":"string","minLength":1}}"#)
        case .time: out.append(#"{"type":"string","format":"date-time"}"#)
        case .integer(let range, let preset):
            exampleIsNumber = true
            out.append(#"{"type":"integer","minimum":\#(range.lowerBound)"#)
            if range.upperBound != .max { out.append(#","maximum":\#(range.upperBound)"#) }
            out.append(#","default":\#(preset)}"#)
        case .choice(let choices, let preset):
            out.append(#"{"type":"string","enum":["#)
            for (index, choice) in choices.enumerated() {
                if index > 0 { out.append(",") }
                out.appendJSONString(choice)
            }
            out.append(#"],"default":"#)
            out.appendJSONString(preset)
            out.append("}")
        }
        out.append(#","example":"#)
        if exampleIsNumber { out.append(parameter.example) } else { out.appendJSONString(parameter.example) }
        out.append("}")
    }
}
