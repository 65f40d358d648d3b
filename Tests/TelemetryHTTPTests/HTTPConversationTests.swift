import FaultSupport
import Synchronization
import Testing

@testable import TelemetryHTTP

@Suite("HTTP conversations over real sockets", .timeLimit(.minutes(20)))
struct HTTPConversationTests {
    /// Says what was asked, in the body.
    private static func echoed(_ request: HTTPRequest) -> HTTPResponse {
        switch request.path {
        case "/204", "/304":
            return HTTPResponse(
                status: Int(request.path.dropFirst())!, headers: [("ETag", "\"x\"")],
                body: .bytes(Array("not sent".utf8)))
        case "/stream":
            return HTTPResponse(contentType: "text/plain", []).streaming { writer in
                for piece in ["a", "", "bc", String(repeating: "d", count: 300)] {
                    try await writer.write(Array(piece.utf8))
                }
            }
        default:
            let text =
                "\(request.method) \(request.path)?\(request.query) \(String(decoding: request.body, as: UTF8.self))"
            return HTTPResponse(contentType: "text/plain", Array(text.utf8))
        }
    }

    /// At once on the loop, as a task that answers at once, and as a task that waits first.
    private static let handlers: [HTTPHandler] = [
        .immediate { echoed($0) }, .task { echoed($0) },
        .task { request in
            await Task.yield()
            return echoed(request)
        },
    ]

    @Test(
        "what is refused is answered with its status and closed, and no other client notices",
        arguments: [
            ("GET / HTTP/1.1\nHost: h\n\n", 400), ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", 413),
            ("GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\nHost: h\r\n\r\n", 414),
            ("POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417),
            ("GET / HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n", 431),
            ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ])
    func refused(text: String, status: Int) async throws {
        try await withServer(Self.handlers[1]) { server in
            let other = try HTTPPeer(port: server.port)
            other.send("POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nha")
            let peer = try HTTPPeer(port: server.port)
            // A request behind what is refused is never answered.
            peer.send("GET /first HTTP/1.1\r\nHost: h\r\n\r\n" + text + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(peer.answer().body == "GET /first? ")
            let rest = peer.rest()
            #expect(rest.hasPrefix("HTTP/1.1 \(status) \(HTTPResponse.reason(status))\r\n"), "\(rest)")
            #expect(rest.contains("\r\nConnection: close\r\n"))
            #expect(!rest.contains("smuggled"))
            other.send("lf")
            #expect(other.answer().body == "POST /other? half")
        }
    }

    @Test("a refusal takes the form that the server is given")
    func refusalForm() async throws {
        try await withServer(
            Self.handlers[0], { $0.refusal = { HTTPResponse(status: $0, contentType: "x/y", Array("<\($1)>".utf8)) } }
        ) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.send("GET / HTTP/1.1\r\n\r\n")
            let (head, body) = peer.answer()
            #expect(head.hasPrefix("HTTP/1.1 400 Bad Request\r\n") && head.contains("\r\nContent-Type: x/y\r\n"))
            #expect(body == "<HTTP/1.1 requires exactly one Host header; received 0>")
        }
    }

    @Test("HEAD has the head of GET and no body; 204 and 304 have no body either", arguments: 0..<3)
    func bodiless(handler: Int) async throws {
        try await withServer(Self.handlers[handler]) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.get("/a")
            let got = peer.answer()
            peer.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
            let head = peer.receive(through: "\r\n\r\n")
            // The method is one letter longer in what is echoed.
            #expect(got.head.contains("\r\nContent-Length: 8\r\n") && head.contains("\r\nContent-Length: 9\r\n"))
            for status in [204, 304] {
                peer.get("/\(status)")
                let answer = peer.receive(through: "\r\n\r\n")
                #expect(
                    answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains("\r\nETag: \"x\"")
                        && !answer.contains("Content-Length"))
            }
            peer.send("HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(peer.receive(through: "\r\n\r\n").contains("\r\nTransfer-Encoding: chunked\r\n"))
            peer.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(peer.receive(through: "\r\n\r\n").hasPrefix("HTTP/1.1 204 "))
            // All of it on one connection, whose bytes are still in step.
            peer.get("/end?x=1", "Connection: close\r\n")
            #expect(peer.end()?.hasSuffix("\r\n\r\nGET /end?x=1 ") == true)
        }
    }

    @Test("a body is asked for where a client waits to be, and not where it is sent at once", arguments: 0..<3)
    func expectContinue(handler: Int) async throws {
        try await withServer(Self.handlers[handler]) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n")
            #expect(peer.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            peer.send("2\r\nhi\r\n0\r\n\r\n")
            #expect(peer.answer().body == "POST /a? hi")
            peer.send(
                "POST /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\nho"
            )
            #expect(peer.end()?.hasPrefix("HTTP/1.1 200 OK\r\n") == true)
        }
    }

    @Test("HTTP/1.0 is kept where it asks for that, and a stream ends with the connection", arguments: 0..<3)
    func version10(handler: Int) async throws {
        try await withServer(Self.handlers[handler]) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let (head, body) = peer.answer()
            #expect(head.contains("\r\nConnection: keep-alive\r\n"))
            #expect(body == "GET /a? ")
            peer.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let stream = peer.end() ?? ""
            #expect(stream.contains("\r\nConnection: close\r\n\r\nabcddd") && !stream.contains("chunked"))
        }
    }

    @Test("a client that ends its sending gets all answers, and then the end", arguments: 0..<3)
    func halfClosed(handler: Int) async throws {
        try await withServer(Self.handlers[handler]) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.get("/a")
            peer.get("/stream")
            peer.get("/b")
            peer.send("GET /partial HTTP/1.1\r\nHos")
            peer.endSending()
            // While a response is awaited, the server asks by an interim one whether the client is still there.
            let all = (peer.end() ?? "").replacing("HTTP/1.1 100 Continue\r\n\r\n", with: "")
            #expect(
                all.contains("GET /a? ") && all.contains("\r\n\r\n1\r\na\r\n2\r\nbc\r\n12c\r\nddd")
                    && all.contains("ddd\r\n0\r\n\r\nHTTP/1.1 200 OK"))
            #expect(all.hasSuffix("GET /b? "))
        }
    }

    @Test(
        "a client that closes its connection ends the work on its request; one that ends its sending alone gets its response"
    )
    func gone() async throws {
        let (cancelled, report) = AsyncStream<Bool>.makeStream()
        let (released, release) = AsyncStream<Void>.makeStream()
        let handler = HTTPHandler.task { request in
            if request.path == "/gone" {
                try? await Task.sleep(for: .seconds(3600))
            } else {
                for await _ in released { break }
            }
            report.yield(Task.isCancelled)
            return .plain(200, "done")
        }
        try await withServer(handler) { server in
            var outcomes = cancelled.makeAsyncIterator()
            var gone: HTTPPeer? = try HTTPPeer(port: server.port)
            gone?.get("/gone")
            gone = nil
            #expect(await outcomes.next() == true)
            let half = try HTTPPeer(port: server.port)
            half.get("/half")
            half.endSending()
            #expect(half.receive(through: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            release.yield()
            #expect(await outcomes.next() == false)
            let response = half.end() ?? ""
            #expect(response.hasPrefix("HTTP/1.1 200 OK\r\n") && response.hasSuffix("done\n"))
        }
    }

    @Test("a handler's text cannot add a header field")
    func splitting() async throws {
        let handler = HTTPHandler.immediate { _ in
            HTTPResponse(
                status: 302, headers: [("Location", "/a\r\nSet-Cookie: x\r\n\r\n<html>"), ("X-\nY", "é\u{0}")])
        }
        try await withServer(handler) { server in
            let peer = try HTTPPeer(port: server.port)
            peer.get("/", "Connection: close\r\n")
            let answer = peer.end() ?? ""
            #expect(answer.contains("\r\nLocation: /a  Set-Cookie: x    <html>\r\nX- Y: é \r\n"))
        }
    }

    @Test("requests cut at random places are answered as those that come at once", arguments: 0..<3)
    func cut(handler: Int) async throws {
        var random = SeededRandom(seed: 11)
        var stream = ""
        for n in 0..<40 {
            let body = String(repeating: "b", count: Int(random.next() % 50))
            switch random.next() % 4 {
            case 0: stream += "GET /\(n)?q HTTP/1.1\r\nHost: x\r\n\r\n"
            case 1: stream += "\r\nPOST /\(n) HTTP/1.1\r\nhost:x\r\ncontent-length:\(body.utf8.count)\r\n\r\n\(body)"
            case 2:
                stream +=
                    "PUT /\(n) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;e\r\nc\r\n02\r\nde\r\n0\r\nT: t\r\n\r\n"
            default: stream += "GET http://x/\(n) HTTP/1.1\r\nHost: x\r\n\r\n"
            }
        }
        stream += "GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        let bytes = Array(stream.utf8)
        try await withServer(Self.handlers[handler]) { server in
            var random = random
            let whole = try HTTPPeer(port: server.port)
            whole.send(bytes)
            let wanted = Self.withoutDates(whole.end())
            #expect(wanted?.hasSuffix("GET /end? ") == true)
            for _ in 0..<10 {
                let peer = try HTTPPeer(port: server.port)
                var rest = bytes[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(1 + Int(random.next() % 60))
                    peer.send(Array(piece))
                    rest = rest.dropFirst(piece.count)
                }
                #expect(Self.withoutDates(peer.end()) == wanted)
            }
        }
    }

    private static func withoutDates(_ text: String?) -> String? {
        text.map {
            $0.split(separator: "\r\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("Date: ") }.joined(
                separator: "\r\n")
        }
    }
}

extension HTTPResponse {
    /// The same with a body that is written piece by piece.
    func streaming(_ write: @escaping @Sendable (HTTPBodyWriter) async throws -> Void) -> HTTPResponse {
        HTTPResponse(status: status, headers: headers, body: .stream(write))
    }
}
