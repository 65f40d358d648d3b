import TelemetryHTTP

/// The origins whose pages may use the gateway from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol).
struct CrossOrigin: Sendable {
    /// `https://grafana.example.org`; `*` is every origin. Empty for none.
    let origins: [String]

    static let methods = "GET, HEAD, OPTIONS"
    /// For a route that accepts a form.
    static let methodsWithForm = "GET, HEAD, OPTIONS, POST"

    /// The header fields added to every response. A token is not a credential in the browser's sense: the page itself
    /// must know it.
    func headers(for request: HTTPRequest) -> [(name: String, value: String)] {
        guard !origins.isEmpty else { return [] }
        // If the response depends on the origin, caches must know.
        let vary = origins.contains("*") ? [] : [(name: "Vary", value: "Origin")]
        guard let origin = allowedOrigin(of: request) else { return vary }
        return vary + [
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", "Content-Disposition, ETag, Link, Retry-After, \(RequestID.field)"),
        ]
    }

    /// The header fields added to the response of OPTIONS for a preflight request.
    func preflightHeaders(for request: HTTPRequest) -> [(name: String, value: String)] {
        guard request.header("access-control-request-method") != nil, allowedOrigin(of: request) != nil else {
            return []
        }
        return [
            ("Access-Control-Allow-Methods", Self.methodsWithForm),
            ("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-None-Match, \(RequestID.field)"),
            ("Access-Control-Max-Age", "600"),
        ]
    }

    /// `nil` if the page may not send requests, or no page of another origin does.
    private func allowedOrigin(of request: HTTPRequest) -> String? {
        guard let origin = request.header("origin") else { return nil }
        if origins.contains("*") { return "*" }
        return origins.contains(origin) ? origin : nil
    }
}
