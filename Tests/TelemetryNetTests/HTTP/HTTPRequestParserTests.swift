import Testing

@testable import TelemetryNet

/// The requests in the bytes, given in pieces of a size, and the refusal that ended it.
private func parse(_ text: String, piece: Int = .max, limits: HTTPLimits = HTTPLimits()) -> (
    requests: [HTTPRequest], refusal: HTTPRefusal?, continues: Int
) {
    var parser = HTTPRequestParser(limits: limits)
    var requests: [HTTPRequest] = []
    var continues = 0
    var held: [UInt8] = []
    let bytes = Array(text.utf8)
    var at = 0
    while at < bytes.count {
        let end = at + min(piece, bytes.count - at)
        held += bytes[at..<end]
        at = end
        while !held.isEmpty {
            var used = 0
            do {
                let step = try held.withUnsafeBytes { raw throws(HTTPRefusal) in try parser.parse(raw, used: &used) }
                held.removeFirst(used)
                switch step {
                case .request(let request): requests.append(request)
                case .expectsContinue: continues += 1
                case .needsMore: if used == 0 || held.isEmpty { used = -1 }
                }
                if used == -1 { break }
            } catch {
                return (requests, error as? HTTPRefusal, continues)
            }
        }
    }
    return (requests, nil, continues)
}

@Suite("HTTP requests")
struct HTTPRequestParserTests {
    private static let stream =
        "GET /a?x=1&y=%20 HTTP/1.1\r\nHost: h\r\nX-Thing:  a b \t\r\n\r\n"
        + "\r\nPOST /b HTTP/1.1\r\nhost: h\r\nContent-Length: 5\r\n\r\nhello"
        + "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
        + "GET http://h/d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    @Test("pipelined requests are read the same in pieces of any size", arguments: [1, 2, 3, 7, 50, 10_000])
    func pieces(size: Int) {
        let (requests, refusal, continues) = parse(Self.stream, piece: size)
        #expect(refusal == nil)
        #expect(requests.map(\.path) == ["/a", "/b", "/c", "/d"])
        #expect(requests.map { String(decoding: $0.body, as: UTF8.self) } == ["", "hello", "abc0123456789", ""])
        #expect(requests[0].query == "x=1&y=%20")
        #expect(requests[0].header("x-thing") == "a b")
        #expect(requests.map(\.keepsConnection) == [true, true, true, true])
        // Where the head ends with what has come so far, the client may be waiting.
        #expect(continues == ([1, 3, 7].contains(size) ? 1 : 0))
    }

    @Test("what could be read in two ways is refused", arguments: [
        ("GET / HTTP/1.1\nHost: h\n\n", 400), ("GET / HTTP/1.1\r\nHost: h\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n", 400), ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\n", 400), ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 400), ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", 413),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505), ("GET / HTTQ/1.1\r\nHost: h\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400), ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\u{0}b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", 400),
    ])
    func refusals(text: String, status: Int) {
        for piece in [1, 5, Int.max] { #expect(parse(text, piece: piece).refusal?.status == status) }
    }

    @Test("limits on line, head, fields and body have their own statuses")
    func limits() {
        let long = String(repeating: "a", count: 40_000)
        #expect(parse("GET /\(long) HTTP/1.1\r\nHost: h\r\n\r\n", piece: 1000).refusal?.status == 414)
        #expect(parse("GET /\(long) HTTP/1.1\r\nHost: h\r\n\r\n").refusal?.status == 431 || parse("GET /\(long)").refusal?.status == 414)
        #expect(parse("GET / HTTP/1.1\r\nHost: h\r\nX: \(long)\r\n\r\n", piece: 1000).refusal?.status == 431)
        let many = (0..<200).map { "X-\($0): y\r\n" }.joined()
        #expect(parse("GET / HTTP/1.1\r\nHost: h\r\n\(many)\r\n").refusal?.status == 431)
        var limits = HTTPLimits()
        limits.maxBodyBytes = 10
        #expect(parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", limits: limits).refusal?.status == 413)
        #expect(parse("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\n", limits: limits).refusal?.status == 413)
    }

    @Test("percent escapes are resolved, and broken ones are not")
    func percent() {
        #expect(percentDecoded("a%20b%C3%A9+c", plusIsSpace: true) == "a bé c")
        #expect(percentDecoded("a+b", plusIsSpace: false) == "a+b")
        for broken in ["%", "%4", "%zz", "%ff", "%C3"] { #expect(percentDecoded(broken, plusIsSpace: true) == nil) }
    }
}
