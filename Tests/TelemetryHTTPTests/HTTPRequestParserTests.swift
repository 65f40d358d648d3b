import Testing

@testable import TelemetryBase
@testable import TelemetryHTTP

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

    /// Heads, with their status.
    private static let doubtfulHeads: [(String, Int)] = [
        ("GET / HTTP/1.1\nHost: h\n\n", 400), ("GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tfolded\r\n\r\n", 400), ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n: x\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\u{0}b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX: a\rb: c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nX\r: a\r\n\r\n", 400), ("GET / HTTP/1.1\rHost: h\r\n\r\n", 400),
        ("GET /\u{0} HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h:port\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400),
        ("GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /é HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501), ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400), (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505), ("PRI * HTTP/2.0\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505),
        ("GET / HTTQ/1.1\r\nHost: h\r\n\r\n", 400), ("GET / http/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1,1\r\nHost: h\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: h\r\nExpect: the-best\r\n\r\n", 417),
    ]

    @Test("a head that could be read in two ways is refused", arguments: doubtfulHeads)
    func refusedHeads(text: String, status: Int) {
        for piece in [1, 5, Int.max] { #expect(parse(text, piece: piece).refusal?.status == status) }
    }

    /// Fields and bodies of a POST, with their status.
    private static let doubtfulBodies: [(String, Int)] = [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
        ("Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("Content-Length: 1\r\ncontent-length: 1\r\n\r\n", 400),
        ("Content-Length: 1, 1\r\n\r\n", 400), ("Content-Length:\r\n\r\n", 400), ("Content-Length: +1\r\n\r\n", 400),
        ("Content-Length: -1\r\n\r\n", 400), ("Content-Length: 0x1\r\n\r\n", 400), ("Content-Length: 1 1\r\n\r\n", 400),
        ("Content-Length: ١\r\n\r\n", 400), ("Content-Length: 99999999999999999999\r\n\r\n", 413),
        ("Content-Length: 1048577\r\n\r\n", 413),
        ("Transfer-Encoding: gzip\r\n\r\n", 400), ("Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
        ("Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n", 501), ("Transfer-Encoding: , chunked\r\n\r\n", 400),
        ("Transfer-Encoding:\r\n\r\n", 400),
        ("Transfer-Encoding: xchunked\r\n\r\n", 400), ("Transfer-Encoding: chunked;q=1\r\n\r\n", 400),
        ("Transfer-Encoding: \u{B}chunked\r\n\r\n", 400),
        // The Kelvin sign, whose small letter is a k for those who go by Unicode.
        ("Transfer-Encoding: chun\u{212A}ed\r\n\r\n", 400),
    ]

    @Test("a body whose end is in doubt is refused", arguments: doubtfulBodies)
    func refusedBodies(text: String, status: Int) {
        for piece in [1, 5, Int.max] {
            #expect(parse("POST / HTTP/1.1\r\nHost: h\r\n" + text, piece: piece).refusal?.status == status)
        }
        let old = parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        #expect(old.refusal?.status == 400)
    }

    /// Chunks, with their status.
    private static let wrongChunks: [(String, Int)] = [
        ("xyz\r\n", 400), ("\r\n", 400), ("3\nabc", 400), ("3\r\nabcd\r\n", 400), ("3\r\nabc\n", 400),
        ("3\r\nabc\rx", 400), ("-3\r\n", 400),
        ("+3\r\n", 400), ("0x3\r\nabc\r\n", 400), (" 3\r\n", 400), ("3 \r\nabc\r\n", 400), ("3 x\r\nabc\r\n", 400),
        ("3;a\rb\r\nabc\r\n", 400),
        ("3;a\u{0}\r\nabc\r\n", 400), ("3;a\n\r\nabc\r\n", 400), ("FFFFFFFFFFFFFFFFF\r\n", 413), ("100001\r\n", 413),
        ("0000000000000000\r\n", 413), ("0\r\nX: y\n\r\n", 400), ("0\r\n folded: y\r\n\r\n", 400),
        ("0\r\nX : y\r\n\r\n", 400),
        ("0\r\nX: a\rb\r\n\r\n", 400), ("0\r\nno field\r\n\r\n", 400),
        ("3;" + String(repeating: "x", count: 300) + "\r\nabc\r\n", 400),
        // By the grammar of extensions: names and values, in quotes that end.
        ("7;a=\"\r\nabcdefg\r\n", 400), ("3;a=\"b\r\nabc\r\n", 400), ("3;a=\"b\\\"\r\nabc\r\n", 400),
        ("3;\r\nabc\r\n", 400),
        ("3;;a\r\nabc\r\n", 400), ("3;=b\r\nabc\r\n", 400), ("3;a=\r\nabc\r\n", 400), ("3;a=b=c\r\nabc\r\n", 400),
        ("3;a b\r\nabc\r\n", 400),
        ("3;a=b \r\nabc\r\n", 400), ("3;a;\r\nabc\r\n", 400), ("3;a=\"b\"c\r\nabc\r\n", 400),
        ("3;a=\"\u{7F}\"\r\nabc\r\n", 400),
        ("3;a=\"\u{1}\"\r\nabc\r\n", 400), ("3;é\r\nabc\r\n", 400), ("3,a\r\nabc\r\n", 400), ("3;a\\\r\nabc\r\n", 400),
        ("0;a=\"\r\n\r\n", 400), ("0\r\nX: a\u{1}b\r\n\r\n", 400), ("0\r\n: y\r\n\r\n", 400),
        ("0\r\nX: a\r\n folded\r\n\r\n", 400),
    ]

    @Test("a chunk that is not one is refused", arguments: wrongChunks)
    func refusedChunks(text: String, status: Int) {
        for piece in [1, 5, Int.max] {
            let found = parse("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + text, piece: piece)
            #expect(found.refusal?.status == status)
            #expect(found.requests.isEmpty)
        }
    }

    @Test(
        "extensions by the grammar are accepted, with blanks, quotes and what quotes may hold",
        arguments: [
            ";a", ";a=b", ";a=\"b\"", " ;\ta =\tb ; c", ";a=\"\"", ";a=\"x;y = \\\" \\\\ é\t\"", ";a=\"b\";c=\"d\"",
            ";!#$%&'*+-.^_`|~=~",
        ])
    func extensions(text: String) {
        for piece in [1, 3, Int.max] {
            let found = parse(
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\(text)\r\nabc\r\n0\(text)\r\n\r\n",
                piece: piece)
            #expect(found.refusal == nil)
            #expect(found.requests.first.map { String(decoding: $0.body, as: UTF8.self) } == "abc")
        }
    }

    @Test("some empty lines before a request are ignored, and a stream of them is refused")
    func emptyLines() {
        let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        let few = String(repeating: "\r\n", count: 16)
        for piece in [1, 3, Int.max] {
            #expect(parse(few + request + few + request, piece: piece).requests.count == 2)
            #expect(parse(few + "\r\n", piece: piece).refusal?.status == 400)
        }
    }

    @Test("extensions and trailers are read and dropped, and their bytes are limited")
    func chunkedExtras() {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
        let body = "3;a=b;c=\"d\"\r\nabc\r\n2 ;x\r\nde\r\n0;last\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n"
        for piece in [1, 4, Int.max] {
            let found = parse(head + body + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n", piece: piece)
            #expect(found.refusal == nil)
            #expect(found.requests.map(\.path) == ["/", "/next"])
            #expect(found.requests.first.map { String(decoding: $0.body, as: UTF8.self) } == "abcde")
            #expect(found.requests.first?.header("content-length") == nil)
        }
        let fat = String(repeating: "1;" + String(repeating: "x", count: 200) + "\r\na\r\n", count: 200)
        #expect(parse(head + fat).refusal?.status == 431)
        let trailers = String(repeating: "X: " + String(repeating: "y", count: 1000) + "\r\n", count: 40)
        #expect(parse(head + "0\r\n" + trailers + "\r\n").refusal?.status == 431)
    }

    @Test("targets in absolute form, of later versions and for the whole server are understood")
    func targets() {
        func request(_ line: String) -> HTTPRequest? { parse("\(line)\r\nHost: h\r\n\r\n").requests.first }
        #expect(request("GET http://h:80/a/b?c=/d HTTP/1.1")?.path == "/a/b")
        #expect(request("GET http://h:80/a/b?c=/d HTTP/1.1")?.query == "c=/d")
        #expect(request("GET HTTP://[::1]:80?x=/y HTTP/1.1")?.path == "/")
        #expect(request("GET HTTP://[::1]:80?x=/y HTTP/1.1")?.query == "x=/y")
        #expect(request("GET https://h HTTP/1.1")?.path == "/")
        #expect(request("GET //h/a HTTP/1.1")?.path == "//h/a")
        #expect(request("OPTIONS * HTTP/1.1")?.path == "*")
        #expect(request("GET / HTTP/1.7")?.isVersion11 == true)
        #expect(request("get / HTTP/1.1")?.method == "get")
        #expect(parse("GET / HTTP/1.0\r\n\r\n").requests.first?.isVersion11 == false)
        for host in ["", "h", "h:8080", "h:", "a-b.c_d", "[::1]", "[::ffff:1.2.3.4]:9"] {
            #expect(parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").requests.count == 1, "\(host)")
        }
    }

    @Test("a connection is kept as both sides' versions and words have it")
    func keeping() {
        func keeps(_ version: String, _ fields: String) -> Bool? {
            parse("GET / HTTP/\(version)\r\nHost: h\r\n\(fields)\r\n").requests.first?.keepsConnection
        }
        #expect(keeps("1.1", "") == true)
        #expect(keeps("1.1", "Connection: upgrade, Close\r\n") == false)
        #expect(keeps("1.1", "Connection: closed\r\n") == true)
        #expect(keeps("1.1", "Connection: x\r\nConnection: close\r\n") == false)
        #expect(keeps("1.0", "") == false)
        #expect(keeps("1.0", "Connection: Keep-Alive\r\n") == true)
        #expect(keeps("1.0", "Connection: keep-alive, close\r\n") == false)
    }

    @Test("limits to the byte, in whatever pieces")
    func exactLimits() {
        var limits = HTTPLimits()
        limits.maxRequestLineBytes = 40
        limits.maxHeadBytes = 80
        for piece in [1, 7, Int.max] {
            func status(_ text: String) -> Int? { parse(text, piece: piece, limits: limits).refusal?.status }
            let line = "GET /" + String(repeating: "a", count: 26) + " HTTP/1.1"
            #expect(line.utf8.count == 40)
            #expect(status(line + "\r\nHost: h\r\n\r\n") == nil)
            #expect(status("X" + line + "\r\nHost: h\r\n\r\n") == 414)
            // Found before the end of the line, and before the end of the head.
            #expect(status("X" + line + "\r\n") == 414)
            let start = "GET / HTTP/1.1\r\nHost: h\r\nX: " + String(repeating: "y", count: 48)
            let head = start + "\r\n\r\n"
            #expect(head.utf8.count == 80)
            #expect(status(head) == nil)
            #expect(status("X" + head) == 431)
            // Too large already where no end can be any more.
            #expect(status(start + "yyyy") == 431)
        }
    }

    @Test("limits on line, head, fields and body have their own statuses")
    func limits() {
        let long = String(repeating: "a", count: 40_000)
        #expect(parse("GET /\(long) HTTP/1.1\r\nHost: h\r\n\r\n", piece: 1000).refusal?.status == 414)
        #expect(parse("GET /\(long)").refusal?.status == 414)
        #expect(parse("GET / HTTP/1.1\r\nHost: h\r\nX: \(long)\r\n\r\n", piece: 1000).refusal?.status == 431)
        let many = (0..<200).map { "X-\($0): y\r\n" }.joined()
        #expect(parse("GET / HTTP/1.1\r\nHost: h\r\n\(many)\r\n").refusal?.status == 431)
        var limits = HTTPLimits()
        limits.maxBodyBytes = 10
        #expect(
            parse("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", limits: limits).refusal?.status == 413)
        #expect(
            parse(
                "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\n", limits: limits
            ).refusal?.status == 413)
    }

    @Test("percent escapes are resolved, and broken ones are not")
    func percent() {
        #expect(percentDecoded("a%20b%C3%A9+c", plusIsSpace: true) == "a bé c")
        #expect(percentDecoded("a+b", plusIsSpace: false) == "a+b")
        for broken in ["%", "%4", "%zz", "%ff", "%C3"] { #expect(percentDecoded(broken, plusIsSpace: true) == nil) }
    }
}
