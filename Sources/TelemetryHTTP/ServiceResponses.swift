import TelemetryBase

/// One condition that must be met before a program can do its work, for `/ready`.
public struct ReadinessCheck: Sendable, Hashable {
    /// The name of what is checked, in one word: `queue`, `database`.
    public var name: String
    /// Whether the condition is met. The program is ready if all conditions are.
    public var isReady: Bool
    /// A description of the state, or of the problem.
    public var detail: String

    /// Creates a check with its result.
    public init(name: String, isReady: Bool, detail: String) {
        self.name = name
        self.isReady = isReady
        self.detail = detail
    }
}

/// The responses of `/health`, `/ready` and `/metrics`, which are the same in all programs.
package enum ServiceShapes {
    /// The schema is that of the gateway. The queue, whose responses have no schema, also reports `opening`.
    package static let health = ResponseShape<String>(
        "Health", example: "ok", [ResponseMember("status", .constant("ok")) { $0 }])

    /// The checks of `/ready`.
    package static let readiness = ResponseShape<[ReadinessCheck]>(
        "Readiness", example: [ReadinessCheck(name: "store", isReady: true, detail: "responds")],
        [
            ResponseMember("status", .choice(of: ["ready", "not_ready"])) {
                $0.allSatisfy(\.isReady) ? "ready" : "not_ready"
            },
            .array("checks", of: check) { $0 },
        ])

    private static let check = ResponseShape<ReadinessCheck>([
        ResponseMember("name") { $0.name },
        ResponseMember("ready") { $0.isReady },
        ResponseMember("detail") { $0.detail },
    ])

    /// An error of a service without an interface of its own.
    fileprivate static let error = ResponseShape<(code: String, message: String)>([
        ResponseMember("error") { $0.code },
        ResponseMember("message") { $0.message },
    ])
}

extension HTTPResponse {
    package static let json = "application/json"

    /// The response of `/health` while the process is alive: `{"status":"ok"}`.
    package init(health status: String) { self.init(contentType: Self.json, ServiceShapes.health.bytes(of: status)) }

    /// The response of `/ready`: 200 if all checks are ready, otherwise 503, with
    /// `{"status":"ready","checks":[{"name":"queue","ready":true,"detail":"…"},…]}`.
    package init(readiness checks: [ReadinessCheck]) {
        self.init(
            status: checks.allSatisfy(\.isReady) ? 200 : 503, contentType: Self.json,
            ServiceShapes.readiness.bytes(of: checks))
    }

    /// The response of `/metrics`, in the Prometheus text format.
    package init(metrics text: [UInt8]) { self.init(contentType: ByteWriter.prometheusContentType, text) }

    /// `{"error":"not_found","message":"…"}`
    package init(status: Int, error code: String, _ message: String) {
        self.init(status: status, contentType: Self.json, ServiceShapes.error.bytes(of: (code, message)))
    }

    /// 404 for a path that is not served, and 405 for a method that is not allowed; `nil` for other requests.
    package init?(refusing request: HTTPRequest, unlessOneOf paths: [String]) {
        guard paths.contains(request.path) else {
            let served = paths.dropLast().joined(separator: ", ") + " and \(paths.last ?? "") are"
            self.init(status: 404, error: "not_found", "\(request.path) is not served; \(served)")
            return
        }
        guard request.method != "GET" && request.method != "HEAD" else { return nil }
        self.init(
            status: 405, error: "method_not_allowed", "\(request.method) is not allowed on \(request.path)")
        headers.append(("Allow", "GET, HEAD"))
    }
}

extension HTTPServer.Configuration {
    /// The configuration of a server that only has endpoints for health, readiness and metrics: requests have no body.
    package init(endpointsOf name: String, maxConnections: Int) {
        self.init()
        limits.maxBodyBytes = 0
        self.maxConnections = maxConnections
        maxHeldBytes = 64 << 20
        self.name = name
    }
}
