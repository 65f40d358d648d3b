import Glibc
import TelemetryIO

/// Responds to requests.
package enum HTTPHandler: Sendable {
    /// Runs on the loop's thread: it may use what the loop owns, and must not wait.
    case immediate(@Sendable (HTTPRequest) -> HTTPResponse)
    /// Runs as a task of its own, with the connection's loop as its preferred executor, and immediately until its first
    /// suspension. It is cancelled when the client disconnects.
    case task(@Sendable (HTTPRequest) async -> HTTPResponse)
}

/// An HTTP/1.1 server (RFC 9112) on one or several event loops.
///
/// One loop accepts, and hands each connection to the loop with the fewest connections; after that, the connection
/// stays on that loop's thread. Limits apply to all loops together.
package final class HTTPServer: Sendable {
    package struct Configuration: Sendable {
        package var limits = HTTPLimits()
        /// The maximum number of connections; each new connection beyond it closes the one that has waited longest for
        /// its client.
        package var maxConnections = 16_384
        /// The maximum number of bytes that unfinished requests and unread responses of all connections may use,
        /// divided among the loops. Beyond it, the connections with the largest product of memory and time are refused
        /// with 503, or closed.
        package var maxHeldBytes = 256 << 20
        /// The maximum time from the first byte of a request to its last; a slower client receives 408.
        package var requestTimeout = Duration.seconds(30)
        /// The maximum idle time between requests.
        package var idleTimeout = Duration.seconds(120)
        /// The maximum time for which a client may read nothing of a pending response; after it the connection is
        /// closed.
        package var writeTimeout = Duration.seconds(60)
        /// The value of the `Server` header field of every response.
        package var name = "gpu-telemetry"
        /// The number of event loops of a server that has its own; more than the number of processors brings no gain.
        package var loops = min(4, processorCount)
        /// Creates the response, by status and reason, to input that no handler sees: not HTTP, too large or too slow.
        package var refusal: @Sendable (_ status: Int, _ reason: String) -> HTTPResponse = HTTPResponse.plain

        /// The server's counters, for `/metrics`.
        package var counters = HTTPCounters()

        package init() {}
    }

    package let address: SocketAddress
    private let acceptor: LoopBound<HTTPAcceptor>
    private let parts: [HTTPServerPart]
    private let ownsLoops: Bool

    private init(address: SocketAddress, acceptor: LoopBound<HTTPAcceptor>, parts: [HTTPServerPart], ownsLoops: Bool) {
        self.address = address
        self.acceptor = acceptor
        self.parts = parts
        self.ownsLoops = ownsLoops
    }

    package var port: Int { address.port }

    /// Starts to listen and serve on a loop of the caller's, which must outlive the server. Port 0 takes a free one.
    package static func start(
        loop: EventLoop, host: String, port: Int, configuration: Configuration = Configuration(), handler: HTTPHandler
    ) async throws -> HTTPServer {
        try await start([loop], ownsLoops: false, host: host, port: port, configuration, handler)
    }

    /// Starts to listen and serve on loops of its own, which a shutdown ends. Port 0 takes a free one.
    package static func start(
        host: String, port: Int, configuration: Configuration = Configuration(), handler: HTTPHandler
    ) async throws -> HTTPServer {
        var loops: [EventLoop] = []
        do {
            for index in 0..<max(1, configuration.loops) { loops.append(try EventLoop.start(name: "http-\(index)")) }
            return try await start(loops, ownsLoops: true, host: host, port: port, configuration, handler)
        } catch {
            for loop in loops { loop.stop() }
            throw error
        }
    }

    private static func start(
        _ loops: [EventLoop], ownsLoops: Bool, host: String, port: Int, _ configuration: Configuration,
        _ handler: HTTPHandler
    ) async throws -> HTTPServer {
        ignoreBrokenPipeSignal()
        let slots = HTTPSlots(maxConnections: configuration.maxConnections)
        var parts: [HTTPServerPart] = []
        for loop in loops {
            parts.append(
                try await loop.perform {
                    let core = HTTPServerCore(
                        loop: loop, configuration: configuration, handler: handler, slots: slots,
                        heldBytes: configuration.maxHeldBytes / loops.count)
                    core.repeatTimeouts()
                    return HTTPServerPart(loop: loop, core: LoopBound(core, to: loop), connections: core.count)
                })
        }
        let all = parts
        let loop = loops[0]
        return try await loop.perform {
            let listening = try Acceptor(loop: loop, host: host, port: port)
            let acceptor = try HTTPAcceptor(
                acceptor: listening, loop: loop, parts: all, slots: slots, counters: configuration.counters)
            let bound = LoopBound(acceptor, to: loop)
            slots.whenFreed = { loop.execute { bound.value.resume() } }
            return HTTPServer(address: listening.address, acceptor: bound, parts: all, ownsLoops: ownsLoops)
        }
    }

    /// Stops accepting, waits at most `limit` for requests that are being processed, and closes all connections.
    package func shutdown(within limit: Duration = .seconds(5)) async {
        let acceptor = acceptor
        _ = try? await parts[0].loop.perform { acceptor.value.close() }
        await withTaskGroup { group in
            for part in parts {
                group.addTask {
                    await part.loop.performUntilDone { part.core.value.shutdown(within: limit, done: $0) }
                }
            }
        }
        if ownsLoops { for part in parts { part.loop.stop() } }
    }

    /// The bytes used by unfinished requests and unread responses of all connections.
    package func heldBytes() async -> Int {
        var sum = 0
        for part in parts { sum += (try? await part.loop.perform { part.core.value.heldBytes }) ?? 0 }
        return sum
    }

    /// The number of open connections.
    package var connectionCount: Int { parts.reduce(0) { $0 + $1.connections.value } }
}

/// The state of a loop of the server that other threads may read.
struct HTTPServerPart: Sendable {
    let loop: EventLoop
    let core: LoopBound<HTTPServerCore>
    let connections: HTTPCount
}
