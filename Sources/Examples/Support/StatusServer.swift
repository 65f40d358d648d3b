import TelemetryNet

/// `/health`, `/ready` and `/metrics` of a program that serves nothing else over HTTP.
package final class StatusServer: Sendable {
    package typealias Check = ReadinessCheck

    /// What is answered. The closures run on the server's thread, and must not wait.
    package struct Content: Sendable {
        /// What only a restart or a person can mend; `nil` where nothing is wrong.
        package var problem: @Sendable () -> String? = { nil }
        package var readiness: @Sendable () -> [Check] = { [] }
        /// Writes the Prometheus text format.
        package var metrics: @Sendable (inout ByteWriter) -> Void = { _ in }

        package init() {}
    }

    private static let paths = ["/health", "/ready", "/metrics"]

    private let loop: EventLoop
    private let server: HTTPServer

    private init(loop: EventLoop, server: HTTPServer) {
        self.loop = loop
        self.server = server
    }

    package var port: Int { server.port }

    /// Serves from now on; port 0 takes a free one. Throws where the address cannot be used, naming it.
    package static func start(_ name: String, host: String, port: Int, content: Content) async throws -> StatusServer {
        let loop = try EventLoop.start(name: "status")
        var settings = HTTPServer.Configuration()
        settings.limits.maxBodyBytes = 0
        settings.maxConnections = 256
        settings.maxHeldBytes = 64 << 20
        settings.name = name
        let counters = settings.counters
        do {
            let server = try await HTTPServer.start(
                loop: loop, host: host, port: port, configuration: settings,
                handler: .immediate { answer($0, content, counters) })
            return StatusServer(loop: loop, server: server)
        } catch {
            loop.stop()
            throw error
        }
    }

    /// The same where ``StatusOptions`` say, and logs the address; `nil` if they name no port.
    package static func start(
        _ name: String, _ context: Program.Context, content: Content
    ) async throws -> StatusServer? {
        guard let port = context[StatusOptions.port] else { return nil }
        let host = context[StatusOptions.host]
        let server = try await start(name, host: host, port: port, content: content)
        context.log.info("listening", ["http": "\(host):\(server.port)"])
        return server
    }

    package func shutdown() async {
        await server.shutdown(within: .seconds(1))
        loop.stop()
    }

    private static func answer(_ request: HTTPRequest, _ content: Content, _ counters: HTTPCounters) -> HTTPResponse {
        guard paths.contains(request.path) else {
            return error(404, "not_found", "\(request.path) is not served; /health, /ready and /metrics are")
        }
        guard request.method == "GET" || request.method == "HEAD" else {
            var response = error(405, "method_not_allowed", "\(request.method) is not allowed on \(request.path)")
            response.headers.append(("Allow", "GET, HEAD"))
            return response
        }
        switch request.path {
        case "/metrics":
            var out = ByteWriter(capacity: 4096)
            content.metrics(&out)
            out.appendMetrics(of: counters)
            return HTTPResponse(contentType: ByteWriter.prometheusContentType, out.bytes)
        case "/ready":
            let checks = content.readiness().map { check in
                Check(name: check.name, isReady: check.isReady, detail: OutputSecrets.redact(check.detail))
            }
            return HTTPResponse(readiness: checks)
        default:
            if let problem = content.problem() { return error(503, "unhealthy", problem) }
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
