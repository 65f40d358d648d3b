import Glibc

/// Answers requests.
package enum HTTPHandler: Sendable {
    /// Runs on the loop's thread: it may use what the loop owns, and must not wait.
    case immediate(@Sendable (HTTPRequest) -> HTTPResponse)
    /// Runs as a task of its own, with the loop as its preferred executor; it is cancelled when the client goes away.
    case task(@Sendable (HTTPRequest) async -> HTTPResponse)
}

/// An HTTP/1.1 server (RFC 9112) on one event loop.
package final class HTTPServer: Sendable {
    package struct Configuration: Sendable {
        package var limits = HTTPLimits()
        package var maxConnections = 16_384
        /// From the first byte of a request to its last; a slower client is answered with 408.
        package var requestTimeout = Duration.seconds(30)
        /// Between requests.
        package var idleTimeout = Duration.seconds(120)
        /// How long one write of an answer may find no room: then the client is given up.
        package var writeTimeout = Duration.seconds(60)
        /// Added to every answer as `Server`.
        package var name = "gpu-telemetry"

        package init() {}
    }

    package let address: SocketAddress
    private let loop: EventLoop
    private let core: LoopBound<HTTPServerCore>

    private init(address: SocketAddress, loop: EventLoop, core: LoopBound<HTTPServerCore>) {
        self.address = address
        self.loop = loop
        self.core = core
    }

    package var port: Int { address.port }

    /// Listens, and serves from now on. Port 0 takes a free one.
    package static func start(
        loop: EventLoop, host: String, port: Int, configuration: Configuration = Configuration(), handler: HTTPHandler
    ) async throws -> HTTPServer {
        ignoreBrokenPipeSignal()
        return try await loop.perform {
            let (descriptor, address) = try Socket.listen(host: host, port: port)
            let core = HTTPServerCore(descriptor: descriptor, loop: loop, configuration: configuration, handler: handler)
            try loop.register(descriptor, events: .readable, handler: core)
            core.repeatTimeouts()
            return HTTPServer(address: address, loop: loop, core: LoopBound(core, to: loop))
        }
    }

    /// Stops accepting, lets requests that are under way finish for at most `limit`, and closes all connections.
    package func shutdown(within limit: Duration = .seconds(5)) async {
        let core = core
        await withCheckedContinuation { continuation in
            loop.execute { core.value.shutdown(within: limit) { continuation.resume() } }
        }
    }

    /// The number of open connections.
    package func connectionCount() async -> Int {
        let core = core
        return (try? await loop.perform { core.value.connections.count }) ?? 0
    }
}

/// The part of the server that lives on the loop.
final class HTTPServerCore: EventHandler {
    let loop: EventLoop
    let configuration: HTTPServer.Configuration
    let handler: HTTPHandler
    /// Where all connections receive; what is no whole request is copied to their own memory.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 4096)
    private(set) var connections: [Int32: HTTPConnection] = [:]
    private let descriptor: Int32
    private var isStopping = false
    private var dateText = ""
    private var dateSecond = -1

    init(descriptor: Int32, loop: EventLoop, configuration: HTTPServer.Configuration, handler: HTTPHandler) {
        self.descriptor = descriptor
        self.loop = loop
        self.configuration = configuration
        self.handler = handler
    }

    deinit { scratch.deallocate() }

    func ready(_ events: EventSet) {
        for _ in 0..<64 {
            guard connections.count < configuration.maxConnections else {
                // Those who wait stay in the system's queue until a connection is closed.
                loop.modify(descriptor, events: [])
                return
            }
            let accepted: Int32
            let peer: SocketAddress
            do {
                guard let waiting = try Socket.accept(descriptor) else { return }
                (accepted, peer) = waiting
            } catch {
                return pauseAccepting()
            }
            let connection = HTTPConnection(descriptor: accepted, peer: peer, server: self)
            do {
                try loop.register(accepted, events: .readable, handler: connection)
                connections[accepted] = connection
            } catch {
                Socket.close(accepted)
            }
        }
    }

    /// Out of descriptors: the one who waits would else be announced again and again.
    private func pauseAccepting() {
        loop.modify(descriptor, events: [])
        loop.schedule(after: .milliseconds(100)) { [weak self] in
            guard let self, !isStopping else { return }
            loop.modify(descriptor, events: .readable)
        }
    }

    func remove(_ connection: HTTPConnection) {
        connections[connection.descriptor] = nil
        if !isStopping, connections.count == configuration.maxConnections - 1 { loop.modify(descriptor, events: .readable) }
    }

    func repeatTimeouts() {
        loop.schedule(after: .seconds(1)) { [weak self] in
            // Also while stopping: a client that has its answer and does not leave is not waited for.
            guard let self, !isStopping || !connections.isEmpty else { return }
            for connection in connections.values { connection.checkTimeouts() }
            repeatTimeouts()
        }
    }

    func shutdown(within limit: Duration, done: @escaping () -> Void) {
        guard !isStopping else { return done() }
        isStopping = true
        loop.deregister(descriptor)
        Socket.close(descriptor)
        for connection in connections.values { connection.closeAfterRequest() }
        waitForConnections(until: loop.now + limit, done)
    }

    private func waitForConnections(until deadline: ContinuousClock.Instant, _ done: @escaping () -> Void) {
        guard !connections.isEmpty, loop.now < deadline else {
            for connection in connections.values { connection.close() }
            return done()
        }
        loop.schedule(after: .milliseconds(5)) { [self] in waitForConnections(until: deadline, done) }
    }

    /// The value of a `Date` field (RFC 9110 section 5.6.7), made once a second.
    func date() -> String {
        var now = time(nil)
        if now != dateSecond {
            dateSecond = now
            var parts = tm()
            gmtime_r(&now, &parts)
            let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
            dateText =
                "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
        }
        return dateText
    }
}
