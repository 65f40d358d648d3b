import TelemetryHTTP
import TelemetryPromQL

/// An error response of Prometheus' HTTP API.
struct PrometheusFailure: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case badData = "bad_data"
        case execution, timeout, unavailable
        case `internal`
    }

    var status: Int
    var kind: Kind
    var message: String
    var headers: [(name: String, value: String)] = []

    static let shape = ResponseShape<PrometheusFailure>(
        "PrometheusError", example: PrometheusFailure(PrometheusParameters.invalid("step", "it is missing")),
        [
            ResponseMember("status", .constant("error")) { _ in "error" },
            ResponseMember("errorType") { $0.kind },
            ResponseMember("error") { $0.message },
        ])

    /// `{"status":"error","errorType":"bad_data","error":"…"}`
    var response: HTTPResponse {
        var response = HTTPResponse(status: status, contentType: HTTPResponse.json, Self.shape.bytes(of: self))
        response.headers += headers
        return response
    }
}

extension PrometheusFailure {
    /// An error of the gateway in the terms of Prometheus, where a query that takes too long is 503.
    init(_ error: APIError) {
        (status, kind) =
            switch error.status {
            case 400: (400, .badData)
            case 422: (422, .execution)
            case 504: (503, .timeout)
            case 503: (503, .unavailable)
            default: (error.status, .internal)
            }
        message = error.message
        headers = error.headers
    }

    init(_ error: PromQLError) {
        (status, kind) =
            switch error.kind {
            case .badData: (400, .badData)
            case .unsupported, .execution: (422, .execution)
            case .timeout: (503, .timeout)
            }
        message = error.message
    }
}
