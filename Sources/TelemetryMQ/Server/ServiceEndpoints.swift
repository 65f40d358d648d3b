import TelemetryBase
import TelemetryHTTP
import TelemetryIO
import TelemetryMQLog

/// `/health`, `/ready` and `/metrics` of a service that serves nothing else over HTTP, on a thread of their own.
///
///     var content = ServiceEndpoints.Content()
///     content.readiness = { [.init(name: "queue", isReady: queue.isConnected, detail: queue.detail)] }
///     content.metrics = { $0.appendMetric("orders_total", .counter, "Orders handled.", orders.count) }
///     let endpoints = try await ServiceEndpoints.start(name: "billing", host: "0.0.0.0", port: 8081, content)
///
/// `/health` is 200 with `{"status":"ok"}`, or 503 with the problem; `/ready` is 200 or 503 with the checks; `/metrics`
/// is the Prometheus text format, with the counters of this HTTP server after the service's own. Other paths are 404,
/// and methods other than GET and HEAD are 405. Safe to use from any task or thread.
public final class ServiceEndpoints: Sendable {
    /// One condition for the service to do its work.
    public typealias Check = TelemetryHTTP.ReadinessCheck

    /// What the responses contain. The closures are called on the server's thread for each request, and must not wait.
    public struct Content: Sendable {
        /// A problem that only a restart or an operator can fix; `nil` if there is none. Default: `nil`.
        public var problem: @Sendable () -> String? = { nil }
        /// The checks of `/ready`. Default: none, which is ready.
        public var readiness: @Sendable () -> [Check] = { [] }
        /// Writes the service's metrics. Default: none.
        public var metrics: @Sendable (inout MetricsText) -> Void = { _ in }

        /// Creates the content of a service that is always healthy and ready.
        public init() {}
    }

    private let loop: EventLoop
    private let server: HTTPServer

    private init(loop: EventLoop, server: HTTPServer) {
        self.loop = loop
        self.server = server
    }

    /// The TCP port that is served.
    public var port: Int { server.port }

    /// Starts to listen and serve. Throws if the address cannot be used, with a description that names it, or if
    /// the system has no thread left.
    ///
    /// - Parameters:
    ///   - name: the `Server` header of the responses.
    ///   - host: the address to listen on. Default: `"127.0.0.1"`.
    ///   - port: the TCP port; 0 for a free one.
    ///   - content: what the responses contain.
    public static func start(
        name: String, host: String = "127.0.0.1", port: Int, _ content: Content
    ) async throws(MQServerError) -> ServiceEndpoints {
        do {
            let loop = try EventLoop.start(name: "status")
            do {
                let settings = HTTPServer.Configuration(endpointsOf: name, maxConnections: 256)
                let counters = settings.counters
                let server = try await HTTPServer.start(
                    loop: loop, host: host, port: port, configuration: settings,
                    handler: .immediate { response(to: $0, content, counters) })
                return ServiceEndpoints(loop: loop, server: server)
            } catch {
                loop.stop()
                throw error
            }
        } catch {
            throw MQServerError("\(error)")
        }
    }

    /// Stops listening, waits at most a second for requests that are being processed, and closes all connections.
    public func shutdown() async {
        await server.shutdown(within: .seconds(1))
        loop.stop()
    }

    private static func response(
        to request: HTTPRequest, _ content: Content, _ counters: HTTPCounters
    ) -> HTTPResponse {
        if let refusal = HTTPResponse(refusing: request, unlessOneOf: ["/health", "/ready", "/metrics"]) {
            return refusal
        }
        switch request.path {
        case "/metrics":
            var metrics = MetricsText()
            content.metrics(&metrics)
            metrics.writer.appendMetrics(of: counters)
            return HTTPResponse(metrics: metrics.bytes)
        case "/ready": return HTTPResponse(readiness: content.readiness())
        default:
            if let problem = content.problem() { return HTTPResponse(status: 503, error: "unhealthy", problem) }
            return HTTPResponse(health: "ok")
        }
    }
}
