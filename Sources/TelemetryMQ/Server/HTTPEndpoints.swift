import TelemetryNet

/// `/health`, `/stats` and `/metrics` on the server's HTTP port, answered on the loop that owns the state.
final class HTTPEndpoints: Sendable {
    private let server: HTTPServer

    private init(server: HTTPServer) { self.server = server }

    var port: Int { server.port }

    static func start(configuration: MQServer.Configuration, loop: EventLoop, broker: LoopBound<Broker>) async throws -> HTTPEndpoints? {
        guard let port = configuration.httpPort else { return nil }
        var settings = HTTPServer.Configuration()
        settings.limits.maxBodyBytes = 0
        settings.maxConnections = 1024
        settings.maxHeldBytes = 64 << 20
        settings.name = "telemetry-mq"
        let counters = settings.counters
        let server = try await HTTPServer.start(
            loop: loop, host: configuration.httpHost, port: port, configuration: settings,
            handler: .immediate { answer($0, broker.value, counters) })
        return HTTPEndpoints(server: server)
    }

    func shutdown() async {
        await server.shutdown(within: .seconds(1))
    }

    private static func answer(_ request: HTTPRequest, _ broker: Broker, _ counters: HTTPCounters) -> HTTPResponse {
        guard ["/health", "/stats", "/metrics"].contains(request.path) else {
            return error(404, "not_found", "\(request.path) is not served; /health, /stats and /metrics are")
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var response = error(405, "method_not_allowed", "\(request.method) is not allowed on \(request.path)")
            response.headers.append(("Allow", "GET, HEAD"))
            return response
        }
        switch request.path {
        case "/stats": return HTTPResponse(contentType: "application/json", broker.statistics())
        case "/metrics": return HTTPResponse(contentType: ByteWriter.prometheusContentType, broker.metrics(counters))
        default:
            // A server that takes no more publishes is not healthy: its operator must look.
            if let failure = broker.log.failure { return error(503, "storage_failed", "\(failure)") }
            return HTTPResponse(contentType: "application/json", Array(#"{"status":"ok"}"#.utf8))
        }
    }

    private static func error(_ status: Int, _ code: String, _ message: String) -> HTTPResponse {
        var body = ByteWriter()
        body.append(#"{"error":"#)
        body.appendJSONString(code)
        body.append(#","message":"#)
        body.appendJSONString(message)
        body.append("}")
        return HTTPResponse(status: status, contentType: "application/json", body.bytes)
    }
}
