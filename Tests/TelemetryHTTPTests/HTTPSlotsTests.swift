import FaultSupport
import Glibc
import Synchronization
import Testing

@testable import TelemetryBase
@testable import TelemetryHTTP
@testable import TelemetryIO

@Suite("An HTTP server that is full", .timeLimit(.minutes(20)))
struct HTTPSlotsTests {
    private static let hello = HTTPHandler.immediate { _ in HTTPResponse(contentType: "text/plain", Array("hello".utf8))
    }

    /// On one loop, so that there is one order of all connections.
    private func withFullServer(
        handler: HTTPHandler = hello, _ configure: (inout HTTPServer.Configuration) -> Void,
        _ body: (HTTPServer, HTTPCounters) async throws -> Void
    ) async throws {
        var configuration = HTTPServer.Configuration()
        configure(&configuration)
        let loop = try EventLoop.start(name: "http-slots")
        defer { loop.stop() }
        let server = try await HTTPServer.start(
            loop: loop, host: "127.0.0.1", port: 0, configuration: configuration, handler: handler)
        do { try await body(server, configuration.counters) } catch {
            await server.shutdown(within: .zero)
            throw error
        }
        await server.shutdown(within: .zero)
    }

    private func isAnswered(_ peer: HTTPPeer) -> Bool {
        peer.get("/")
        return peer.answer().body == "hello"
    }

    @Test("the connection that has been idle longest is closed for a new one, and no other")
    func longestIdle() async throws {
        try await withFullServer({ $0.maxConnections = 4 }) { server, counters in
            let peers = try (0..<4).map { _ in
                let peer = try HTTPPeer(port: server.port)
                #expect(isAnswered(peer))
                return peer
            }
            // The first is used again: now the second has been idle longest.
            #expect(isAnswered(peers[0]))
            #expect(isAnswered(try HTTPPeer(port: server.port)))
            #expect(peers[1].end() == "")
            for kept in [0, 2, 3] { #expect(isAnswered(peers[kept])) }
            #expect(counters.closedCount(.connectionLimit) == 1)
        }
    }

    @Test(
        "a probe is answered however many connections are idle, have sent half a request, or read no response",
        arguments: [
            "", "GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ])
    func probe(text: String) async throws {
        let large = [UInt8](repeating: UInt8(ascii: "z"), count: 8 << 20)
        let handler = HTTPHandler.immediate { request in
            request.path == "/health"
                ? HTTPResponse(contentType: "text/plain", Array("ok".utf8))
                : HTTPResponse(contentType: "text/plain", large)
        }
        try await withFullServer(handler: handler, { $0.maxConnections = 8 }) { server, counters in
            var strangers: [HTTPPeer] = []
            for _ in 0..<40 {
                let stranger = try HTTPPeer(port: server.port, receiveBuffer: 4096)
                stranger.send(text)
                strangers.append(stranger)
                let probe = try HTTPPeer(port: server.port)
                probe.get("/health", "Connection: close\r\n")
                #expect(probe.end()?.hasSuffix("ok") == true)
            }
            #expect(server.connectionCount <= 8 + HTTPSlots.reserve)
            // Probes leave by themselves; the strangers that are too many do not.
            #expect(counters.closedCount(.connectionLimit) >= 40 - 8 - HTTPSlots.reserve)
        }
    }

    /// A handler whose `/busy` waits for the gate to open, and tells of each that has begun.
    private func busyHandler() -> (HTTPHandler, begun: AsyncStream<Void>, open: AsyncStream<Void>.Continuation) {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (begun, begins) = AsyncStream<Void>.makeStream()
        let handler = HTTPHandler.task { request in
            if request.path == "/busy" {
                begins.yield()
                for await _ in gate { break }
            }
            return HTTPResponse(contentType: "text/plain", Array("hello".utf8))
        }
        return (handler, begun, open)
    }

    @Test("while all connections are busy probes are answered from a reserve, and nobody busy is closed")
    func busy() async throws {
        let (handler, begun, open) = busyHandler()
        try await withFullServer(handler: handler, { $0.maxConnections = 3 }) { server, counters in
            let busy = try (0..<3).map { _ in try HTTPPeer(port: server.port) }
            for peer in busy { peer.get("/busy") }
            var iterator = begun.makeAsyncIterator()
            for _ in 0..<3 { await iterator.next() }
            let probes = try (0..<HTTPSlots.reserve * 2).map { _ in
                let probe = try HTTPPeer(port: server.port)
                #expect(isAnswered(probe))
                return probe
            }
            #expect(counters.closedCount(.connectionLimit) > 0)
            open.finish()
            for peer in busy { #expect(peer.answer().body == "hello") }
            _ = probes
        }
    }

    @Test("who comes when the reserve is busy too waits, and is served when one is done")
    func reserveBusy() async throws {
        let (handler, begun, open) = busyHandler()
        try await withFullServer(handler: handler, { $0.maxConnections = 2 }) { server, counters in
            var iterator = begun.makeAsyncIterator()
            var busy: [HTTPPeer] = []
            for _ in 0..<2 + HTTPSlots.reserve {
                busy.append(try HTTPPeer(port: server.port))
                busy.last?.get("/busy")
                await iterator.next()
            }
            let late = try HTTPPeer(port: server.port)
            late.get("/")
            #expect(server.connectionCount == 2 + HTTPSlots.reserve && counters.closedCount(.connectionLimit) == 0)
            open.finish()
            #expect(late.answer().body == "hello")
            for peer in busy { #expect(peer.answer().body == "hello") }
        }
    }

    @Test(
        "unfinished bodies of all connections together hold no more than their limit, and a client that sends a whole one is served"
    )
    func unfinishedBodies() async throws {
        let handler = HTTPHandler.immediate { HTTPResponse(contentType: "text/plain", Array("\($0.body.count)".utf8)) }
        let limit = 4 << 20
        try await withFullServer(handler: handler, { $0.maxHeldBytes = limit }) { server, counters in
            let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
            let strangers = try (0..<20).map { _ in
                let stranger = try HTTPPeer(port: server.port)
                stranger.send(head + String(repeating: "s", count: 900_000))
                return stranger
            }
            let good = try HTTPPeer(port: server.port)
            for _ in 0..<5 {
                good.send(head + String(repeating: "g", count: 1_000_000))
                #expect(good.answer().body == "1000000")
            }
            // What 20 strangers hold would be 18 MB: they are refused until the rest is within the limit.
            while await server.heldBytes() > limit { await Task.yield() }
            let closed = counters.closedCount(.memoryLimit)
            #expect(closed >= 15 && closed <= 20, "\(closed)")
            #expect(strangers.count { $0.hasInput && $0.answer().head.hasPrefix("HTTP/1.1 503 ") } > 0)
        }
    }

    @Test("every accepted connection has the system look for its peer")
    func keepalive() async throws {
        let (listener, address) = try Socket.listen(host: "127.0.0.1", port: 0)
        defer { Socket.close(listener) }
        let peer = try HTTPPeer(port: address.port)
        var accepted = try Socket.accept(listener)
        while accepted == nil { accepted = try Socket.accept(listener) }
        let descriptor = try #require(accepted).fd
        defer { Socket.close(descriptor) }
        func option(_ level: Int32, _ name: Int32) -> Int32 {
            var value: Int32 = -1
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, level, name, &value, &length)
            return value
        }
        #expect(option(SOL_SOCKET, SO_KEEPALIVE) == 1)
        // Two hours until the first probe, as is usual, would be no help.
        let tcp = Int32(IPPROTO_TCP)
        #expect(option(tcp, TCP_KEEPIDLE) + option(tcp, TCP_KEEPINTVL) * option(tcp, TCP_KEEPCNT) <= 300)
        _ = peer
    }

    @Test("what a server closes and refuses is in its metrics")
    func metrics() async throws {
        try await withFullServer({ $0.maxConnections = 1 }) { server, counters in
            let first = try HTTPPeer(port: server.port)
            #expect(isAnswered(first))
            let second = try HTTPPeer(port: server.port)
            second.send("nonsense\r\n\r\n")
            #expect(second.rest().hasPrefix("HTTP/1.1 400 "))
            #expect(first.end() == "")
            var out = ByteWriter()
            out.appendMetrics(of: counters)
            let text = String(decoding: out.bytes, as: UTF8.self)
            for line in [
                "telemetry_http_connections_total 2", "telemetry_http_refused_requests_total 1",
                "telemetry_http_connections_closed_total{reason=\"connection_limit\"} 1",
                "telemetry_http_connections_closed_total{reason=\"memory_limit\"} 0",
            ] { #expect(text.contains(line + "\n"), "\(text)") }
        }
    }
}
