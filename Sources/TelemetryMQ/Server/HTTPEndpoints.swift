import TelemetryNet

/// `/health`, `/stats` and `/metrics` on the server's HTTP port.
final class HTTPEndpoints: Sendable {
    let port: Int

    private init(port: Int) { self.port = port }

    static func start(configuration: MQServer.Configuration, loop: EventLoop, broker: LoopBound<Broker>) async throws -> HTTPEndpoints? {
        nil
    }

    func shutdown() async {}
}
