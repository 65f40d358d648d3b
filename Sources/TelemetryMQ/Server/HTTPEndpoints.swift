import TelemetryBase
import TelemetryHTTP
import TelemetryIO

/// `/health`, `/ready`, `/stats` and `/metrics` on the server's HTTP port, answered on the loop that owns the state.
final class HTTPEndpoints: Sendable {
    private static let paths = ["/health", "/ready", "/stats", "/metrics"]

    private let server: HTTPServer

    private init(server: HTTPServer) { self.server = server }

    var port: Int { server.port }

    static func start(configuration: MQServer.Configuration, loop: EventLoop, entrance: LoopBound<Entrance>)
        async throws -> HTTPEndpoints?
    {
        guard let port = configuration.httpPort else { return nil }
        let settings = HTTPServer.Configuration(endpointsOf: "telemetry-mq", maxConnections: 1024)
        let counters = settings.counters
        let server = try await HTTPServer.start(
            loop: loop, host: configuration.httpHost, port: port, configuration: settings,
            handler: .immediate { answer($0, entrance.value, counters) })
        return HTTPEndpoints(server: server)
    }

    func shutdown() async {
        await server.shutdown(within: .seconds(1))
    }

    private static func answer(_ request: HTTPRequest, _ entrance: Entrance, _ counters: HTTPCounters) -> HTTPResponse {
        if let refusal = HTTPResponse(refusing: request, unlessOneOf: paths) { return refusal }
        guard let broker = entrance.broker else { return answerWhileOpening(request, entrance.opening) }
        switch request.path {
        case "/stats": return HTTPResponse(contentType: HTTPResponse.json, broker.statistics())
        case "/metrics": return HTTPResponse(metrics: broker.metrics(counters))
        case "/ready": return HTTPResponse(readiness: broker.readiness)
        default:
            // A server that takes no more publishes is not healthy: its operator must look. A full device no restart
            // empties.
            if let failure = broker.log.failure {
                return HTTPResponse(status: 503, error: "storage_failed", "\(failure)")
            }
            return HTTPResponse(health: "ok")
        }
    }

    /// The process is alive, and a restart would only make it begin again.
    private static func answerWhileOpening(_ request: HTTPRequest, _ opening: OpeningWatch) -> HTTPResponse {
        switch request.path {
        case "/health": HTTPResponse(health: "opening")
        case "/ready": HTTPResponse(readiness: [ReadinessCheck(name: "log", isReady: false, detail: opening.detail)])
        default: HTTPResponse(status: 503, error: "opening", opening.detail)
        }
    }
}

extension Broker {
    /// What `/ready` reports: ready while publishes are stored.
    var readiness: [ReadinessCheck] {
        let log = ReadinessCheck(
            name: "log", isReady: true,
            detail: "open, \(log.nextOffset - log.oldestOffset) messages in \(log.byteCount) bytes")
        var device = ReadinessCheck(name: "storage", isReady: true, detail: "publishes are stored")
        if let failure = self.log.failure {
            device = ReadinessCheck(name: "storage", isReady: false, detail: "\(failure)")
        } else if let reason = storage.reason {
            device = ReadinessCheck(
                name: "storage", isReady: false,
                detail: "publishes are refused until there is room: \(reason); \(storage.refusedNow) messages so far")
        }
        // A warning: publishing and delivering go on.
        let time = ReadinessCheck(
            name: "clock", isReady: true,
            detail: clock.ahead > 0 ? ClockWatch.Finding.ahead(clock.ahead).text : "no message is ahead of the clock")
        return [log, device, time]
    }
}
