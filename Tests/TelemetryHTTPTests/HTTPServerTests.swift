import FaultSupport
import Foundation
import Glibc
import Synchronization
import Testing

@testable import TelemetryHTTP
@testable import TelemetryIO

@Suite("The HTTP server over real sockets", .timeLimit(.minutes(20)))
struct HTTPServerTests {
    private let echo = HTTPHandler.immediate { request in
        HTTPResponse(contentType: "text/plain", Array("\(request.path) \(request.body.count)".utf8))
    }

    @Test("a request that comes byte by byte is answered, with its length and a date")
    func byteByByte() async throws {
        try await withServer(echo) { server in
            let connection = try HTTPPeer(port: server.port)
            for character in "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc" {
                connection.send(String(character))
            }
            let answer = connection.rest()
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.contains("\r\nContent-Length: 4\r\n"))
            #expect(answer.contains(" GMT\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n/a 3"))
        }
    }

    @Test("requests that are sent at once are answered in their order, also where an earlier one takes longer")
    func pipelined() async throws {
        let handler = HTTPHandler.task { request in
            if request.path == "/slow" { try? await Task.sleep(for: .milliseconds(30)) }
            return HTTPResponse(contentType: "text/plain", Array("[\(request.path)]".utf8))
        }
        try await withServer(handler) { server in
            let connection = try HTTPPeer(port: server.port)
            connection.send(
                "GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            let answers = connection.rest().split(separator: "[").dropFirst().map { $0.prefix { $0 != "]" } }
            #expect(answers == ["/slow", "/b", "/c"])
        }
    }

    @Test("a streamed body arrives whole in chunks, and its writer waits for a client that does not read")
    func streamed() async throws {
        let written = Atomic(0)
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
        let handler = HTTPHandler.immediate { _ in
            HTTPResponse(
                body: .stream { writer in
                    for _ in 0..<300 {
                        try await writer.write(piece)
                        written.add(1, ordering: .relaxed)
                    }
                })
        }
        try await withServer(handler) { server in
            written.store(0, ordering: .relaxed)
            let connection = try HTTPPeer(port: server.port)
            connection.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let head = connection.receive(through: "\r\n\r\n")
            #expect(head.contains("Transfer-Encoding: chunked"))
            // 30 MB are more than the buffers of both sides hold.
            #expect(written.load(ordering: .relaxed) < 300)
            let body = connection.rest()
            #expect(body.utf8.lazy.filter { $0 == UInt8(ascii: "x") }.count == 300 * piece.count)
            #expect(body.hasSuffix("\r\n0\r\n\r\n"))
        }
    }

    @Test("a handler's task is cancelled when its client is gone")
    func cancelled() async throws {
        let (stream, events) = AsyncStream<String>.makeStream()
        let handler = HTTPHandler.task { _ in
            events.yield("begun")
            try? await Task.sleep(for: .seconds(600))
            events.yield(Task.isCancelled ? "cancelled" : "slept")
            return HTTPResponse()
        }
        try await withServer(handler) { server in
            var connection: HTTPPeer? = try HTTPPeer(port: server.port)
            connection?.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            var iterator = stream.makeAsyncIterator()
            #expect(await iterator.next() == "begun")
            connection?.endsByReset()
            connection = nil
            #expect(await iterator.next() == "cancelled")
        }
    }

    @Test("what is no HTTP is answered with 400 and closed; the next client is served")
    func garbage() async throws {
        try await withServer(echo) { server in
            var random = SeededRandom(seed: 3)
            for _ in 0..<50 {
                let connection = try HTTPPeer(port: server.port)
                connection.send(
                    String((0..<80).map { _ in Character(UnicodeScalar(UInt8(33 + random.next() % 90))) }) + "\r\n\r\n")
                let answer = connection.rest()
                #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
            }
            let connection = try HTTPPeer(port: server.port)
            connection.send("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(connection.rest().hasSuffix("/ok 0"))
        }
    }

    @Test(
        "a shutdown lets the request under way finish, refuses the next connection, and does not wait for a client that stays"
    )
    func shutdown() async throws {
        let (stream, events) = AsyncStream<Void>.makeStream()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let handler = HTTPHandler.task { _ in
            events.yield()
            for await _ in gate { break }
            return HTTPResponse(contentType: "text/plain", Array("done".utf8))
        }
        let loop = try EventLoop.start(name: "http-test")
        defer { loop.stop() }
        let server = try await HTTPServer.start(loop: loop, host: "127.0.0.1", port: 0, handler: handler)
        let port = server.port
        let connection = try HTTPPeer(port: port)
        connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for await _ in stream { break }
        // Longer than the test may take.
        let stopping = Task { await server.shutdown(within: .seconds(600)) }
        // Refused as soon as the shutdown has begun.
        while (try? HTTPPeer(port: port)) != nil { await Task.yield() }
        open.yield()
        #expect(connection.rest().hasSuffix("done"))
        await stopping.value
    }
}
