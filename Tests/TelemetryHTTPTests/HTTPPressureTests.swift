import Glibc
import Synchronization
import Testing

@testable import TelemetryHTTP

@Suite("HTTP clients that are slow, many or gone", .timeLimit(.minutes(20)))
struct HTTPPressureTests {
    private let large = [UInt8](repeating: UInt8(ascii: "z"), count: 100_000)

    @Test("a client that asks and asks and reads nothing is not served on until it does", arguments: [false, true])
    func pipelinedWithoutReading(waits: Bool) async throws {
        let served = Atomic(0)
        let large = large
        let handler = HTTPHandler.task { _ in
            if waits { await Task.yield() }
            served.add(1, ordering: .relaxed)
            return HTTPResponse(contentType: "text/plain", large)
        }
        try await withServer(handler) { server in
            served.store(0, ordering: .relaxed)
            let peer = try HTTPPeer(port: server.port)
            let count = 300
            peer.send(String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: count - 1))
            peer.get("/", "Connection: close\r\n")
            #expect(peer.receive(8) == "HTTP/1.1")
            // 30 MB of answers are more than the sockets' buffers and the connection's own hold.
            #expect(served.load(ordering: .relaxed) < count)
            let rest = peer.end() ?? ""
            #expect(rest.utf8.lazy.filter { $0 == UInt8(ascii: "z") }.count == count * large.count)
            #expect(served.load(ordering: .relaxed) == count)
        }
    }

    @Test("a client that takes nothing of its answer is given up, and the writer is told why")
    func slowReader() async throws {
        let (stream, events) = AsyncStream<String>.makeStream()
        let large = large
        let handler = HTTPHandler.task { _ in
            HTTPResponse(
                body: .stream { writer in
                    do {
                        while true { try await writer.write(large) }
                    } catch {
                        events.yield("\(error)")
                        throw error
                    }
                })
        }
        try await withServer(handler, { $0.writeTimeout = .milliseconds(200) }) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.get("/")
            var iterator = stream.makeAsyncIterator()
            #expect(await iterator.next() == "the client read nothing for 0.2 seconds")
            // It has part of the body, and not its end.
            #expect(!peer.rest().hasSuffix("0\r\n\r\n"))
        }
    }

    @Test(
        "a request that does not become whole in time is answered with 408",
        arguments: [
            "GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1",
        ])
    func slowSender(text: String) async throws {
        let handler = HTTPHandler.immediate { _ in HTTPResponse() }
        try await withServer(handler, { $0.requestTimeout = .milliseconds(100) }) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.get("/")
            peer.send(text)
            _ = peer.answer()
            let rest = peer.rest()
            #expect(rest.hasPrefix("HTTP/1.1 408 Request Timeout\r\n"), "\(rest)")
        }
    }

    @Test("a connection at rest for long is closed without a word")
    func idle() async throws {
        let handler = HTTPHandler.immediate { _ in HTTPResponse() }
        try await withServer(handler, { $0.idleTimeout = .milliseconds(100) }) { server in
            let used = try HTTPPeer(port: server.port)
            let unused = try HTTPPeer(port: server.port)
            used.get("/")
            _ = used.answer()
            #expect(used.end() == "")
            #expect(unused.end() == "")
            while server.connectionCount > 0 { await Task.yield() }
        }
    }

    // MARK: Event streams

    @Test(
        "events leave one by one, and the writer learns at once that a quiet client has gone", arguments: [false, true])
    func events(byReset: Bool) async throws {
        let (stream, events) = AsyncStream<String>.makeStream()
        let handler = HTTPHandler.task { _ in
            HTTPResponse(contentType: "text/event-stream", []).streaming { writer in
                for n in 0..<3 { try await writer.write(Array("data: \(n)\n\n".utf8)) }
                events.yield("written")
                try? await Task.sleep(for: .seconds(600))
                events.yield(Task.isCancelled ? "cancelled" : "slept")
                do {
                    try await writer.write([1])
                } catch is CancellationError {
                    events.yield("not written")
                }
            }
        }
        try await withServer(handler) { server in
            var peer: HTTPPeer? = try HTTPPeer(port: server.port)
            var iterator = stream.makeAsyncIterator()
            peer?.get("/")
            #expect(peer?.receive(through: "\r\n\r\n").contains("\r\nTransfer-Encoding: chunked\r\n") == true)
            for n in 0..<3 { #expect(peer?.receive(through: "\n\n\r\n") == "9\r\ndata: \(n)\n\n\r\n") }
            #expect(await iterator.next() == "written")
            // What it sends meanwhile is nothing to wait for.
            peer?.send(String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: 10_000))
            if byReset { peer?.endsByReset() }
            peer = nil
            #expect(await iterator.next() == "cancelled")
            #expect(await iterator.next() == "not written")
        }
    }

    @Test("a writer that waits for a client to read can be cancelled by its own task")
    func cancelledWriter() async throws {
        // More than the buffers of both sides hold.
        let huge = [UInt8](repeating: UInt8(ascii: "x"), count: 16 << 20)
        let (stream, events) = AsyncStream<Bool>.makeStream()
        let handler = HTTPHandler.task { _ in
            HTTPResponse(contentType: "text/event-stream", []).streaming { writer in
                // Waits when this returns: nobody reads.
                let writing = Task.immediate { try await writer.write(huge) }
                writing.cancel()
                if case .failure(let error) = await writing.result { events.yield(error is CancellationError) }
            }
        }
        try await withServer(handler) { server in
            let peer = try HTTPPeer(port: server.port, receiveBuffer: 4096)
            peer.get("/")
            var iterator = stream.makeAsyncIterator()
            #expect(await iterator.next() == true)
            #expect(peer.rest().hasSuffix("\r\n0\r\n\r\n"))
        }
    }

    @Test(
        "a shutdown waits for the last event of a stream that ends, and within its limit for one that does not",
        arguments: [false, true])
    func shutdownOfEvents(ends: Bool) async throws {
        let (stream, events) = AsyncStream<String>.makeStream()
        let (stop, stopping) = AsyncStream<Void>.makeStream()
        let handler = HTTPHandler.task { _ in
            HTTPResponse(contentType: "text/event-stream", []).streaming { writer in
                try await writer.write(Array("data: first\n\n".utf8))
                events.yield("written")
                for await _ in stop {}
                // Where the limit is over the task is cancelled, and nobody reads any more.
                do {
                    try await writer.write(Array("data: last\n\n".utf8))
                    events.yield("whole")
                } catch {
                    events.yield("cut off")
                }
            }
        }
        let server = try await HTTPServer.start(host: "127.0.0.1", port: 0, handler: handler)
        let peer = try HTTPPeer(port: server.port)
        peer.get("/")
        var iterator = stream.makeAsyncIterator()
        #expect(await iterator.next() == "written")
        if ends {
            // Longer than the test may take.
            let shutdown = Task { await server.shutdown(within: .seconds(600)) }
            // The shutdown has begun when nobody is accepted any more.
            while (try? HTTPPeer(port: server.port)) != nil { await Task.yield() }
            stopping.finish()
            await shutdown.value
        } else {
            await server.shutdown(within: .zero)
        }
        #expect(await iterator.next() == (ends ? "whole" : "cut off"))
        #expect(server.connectionCount == 0)
        #expect(peer.rest().hasSuffix("data: last\n\n\r\n0\r\n\r\n") == ends)
    }

    // MARK: Several loops

    @Test("connections are shared out among the loops, and who comes beyond the limit is served")
    func loops() async throws {
        let threads = Mutex<Set<UInt>>([])
        let handler = HTTPHandler.immediate { _ in
            threads.withLock { _ = $0.insert(UInt(pthread_self())) }
            return HTTPResponse()
        }
        var configuration = HTTPServer.Configuration()
        configuration.loops = 3
        configuration.maxConnections = 6
        let server = try await HTTPServer.start(
            host: "127.0.0.1", port: 0, configuration: configuration, handler: handler)
        var peers = try (0..<6).map { _ in try HTTPPeer(port: server.port) }
        for peer in peers {
            peer.get("/")
            #expect(peer.answer().head.hasPrefix("HTTP/1.1 200 "))
        }
        #expect(threads.withLock { $0.count } == 3)
        #expect(server.connectionCount == 6)
        // The seventh takes the place of an idle one, or of one that leaves, whichever loop that was on.
        for _ in 0..<6 {
            let late = try HTTPPeer(port: server.port)
            late.get("/late", "Connection: close\r\n")
            peers.removeFirst()
            #expect(late.end()?.hasPrefix("HTTP/1.1 200 ") == true)
        }
        await server.shutdown(within: .zero)
    }

    @Test("a port in use is an error that names it, with several loops too")
    func portInUse() async throws {
        let handler = HTTPHandler.immediate { _ in HTTPResponse() }
        let first = try await HTTPServer.start(host: "127.0.0.1", port: 0, handler: handler)
        let port = first.port
        await #expect { _ = try await HTTPServer.start(host: "127.0.0.1", port: port, handler: handler) } throws: {
            error in
            "\(error)".contains("127.0.0.1:\(port)")
        }
        await first.shutdown()
    }
}
