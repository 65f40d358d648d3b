import TelemetryNet

/// Which pages of other origins may use the gateway from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol).
struct CrossOrigin: Sendable {
    /// `https://grafana.example.org`; `*` is every origin. Empty: none.
    let origins: [String]

    static let methods = "GET, HEAD, OPTIONS"
    /// Of a route that takes a form.
    static let methodsWithForm = "GET, HEAD, OPTIONS, POST"

    /// What is added to every answer. A token is not a credential in the browser's sense: the page itself must know it.
    func headers(for request: HTTPRequest) -> [(name: String, value: String)] {
        guard !origins.isEmpty else { return [] }
        // Where the answer depends on the origin, caches must know.
        let vary = origins.contains("*") ? [] : [(name: "Vary", value: "Origin")]
        guard let origin = allowedOrigin(of: request) else { return vary }
        return vary + [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "Content-Disposition, ETag, Link, Retry-After, \(RequestID.field)"),
        ]
    }

    /// What is added to the answer of OPTIONS where it asks for a request before it is made.
    func preflightHeaders(for request: HTTPRequest) -> [(name: String, value: String)] {
        guard request.header("access-control-request-method") != nil, allowedOrigin(of: request) != nil else { return [] }
        return [
            ("Access-Control-Allow-Methods", Self.methodsWithForm),
            ("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-None-Match, \(RequestID.field)"),
            ("Access-Control-Max-Age", "600"),
        ]
    }

    /// `nil` where the page may not ask, or no page of another origin does.
    private func allowedOrigin(of request: HTTPRequest) -> String? {
        guard let origin = request.header("origin") else { return nil }
        if origins.contains("*") { return "*" }
        return origins.contains(origin) ? origin : nil
    }
}
