import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryStores

@Suite("HTTP over libcurl", .timeLimit(.minutes(20)))
struct CurlClientTests {
    @Test("method, headers and body arrive, and status, headers and body come back")
    func roundTrip() async throws {
        let server = try ScriptedServer { _ in .answer(207, ["X-Some": " thing "], "answer\nbody") }
        defer { server.stop() }
        let client = try CurlClient()
        let body = String(repeating: "0123456789", count: 300_000)
        let answer = try await client.send(
            CurlRequest(
                method: "POST", url: server.url + "/a?b=c", headers: [("X-Mine", "yes")], body: Array(body.utf8)))
        #expect(answer.status == 207)
        #expect(answer.header("x-some") == "thing")
        #expect(answer.text == "answer\nbody")
        let request = try #require(server.requests.first)
        #expect(request.method == "POST" && request.target == "/a?b=c")
        #expect(request.headers["x-mine"] == "yes")
        #expect(request.body == body)
        // A body of no bytes is a body.
        _ = try await client.send(CurlRequest(method: "POST", url: server.url, body: []))
        #expect(server.requests[1].headers["content-length"] == "0")
    }

    @Test("requests in a row share one connection, and many at once no more than allowed")
    func connections() async throws {
        let server = try ScriptedServer { .answer(200, [:], $0.target) }
        defer { server.stop() }
        let client = try CurlClient(maxConnections: 3)
        for i in 0..<20 { #expect(try await client.send(CurlRequest(url: "\(server.url)/\(i)")).text == "/\(i)") }
        #expect(Set(server.requests.map(\.connection)) == [0])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for i in 0..<200 {
                group.addTask {
                    let answer = try await client.send(CurlRequest(url: "\(server.url)/\(i)"))
                    #expect(answer.text == "/\(i)")
                }
            }
            try await group.waitForAll()
        }
        #expect(Set(server.requests.map(\.connection)).count <= 3)
    }

    @Test("an unreachable peer, a reset, a cut body and a malformed URL are failures that name the URL")
    func failures() async throws {
        let server = try ScriptedServer { $0.path == "/cut" ? .cutShort : .reset }
        let client = try CurlClient()
        for (path, kind) in [("/cut", HTTPFailure.Kind.network), ("/reset", .network)] {
            let failure = await #expect(throws: HTTPFailure.self) {
                try await client.send(CurlRequest(url: server.url + path))
            }
            #expect(failure?.kind == kind)
            #expect(failure?.description.contains(server.url + path) == true)
        }
        server.stop()
        let refused = await #expect(throws: HTTPFailure.self) { try await client.send(CurlRequest(url: server.url)) }
        #expect(refused?.kind == .network)
        for url in ["http://", "file:///etc/passwd", "gopher://127.0.0.1/"] {
            let failure = await #expect(throws: HTTPFailure.self, "\(url)") {
                try await client.send(CurlRequest(url: url))
            }
            #expect(failure?.kind == .invalidRequest)
        }
    }

    @Test("a redirect is an answer and not followed, so that credentials reach nobody else")
    func redirects() async throws {
        let other = try ScriptedServer { _ in .answer(200) }
        defer { other.stop() }
        let server = try ScriptedServer { _ in .answer(307, ["Location": other.url + "/there"]) }
        defer { server.stop() }
        let client = try CurlClient()
        let url = server.url.replacing("http://", with: "http://me:p%40ss@")
        let answer = try await client.send(
            CurlRequest(method: "POST", url: url, headers: [("X-Token", "t")], body: [1]))
        #expect(answer.status == 307 && other.requests.isEmpty)
        #expect(server.requests.first?.headers["authorization"] == "Basic bWU6cEBzcw==")
    }

    @Test("a proxy that is away, or is none, is a failure that shows no secret")
    func proxies() async throws {
        let client = try CurlClient(proxy: "http://me:hunter22@127.0.0.1:1")
        let failure = await #expect(throws: HTTPFailure.self) {
            try await client.send(CurlRequest(url: "http://me:hunter22@127.0.0.1:2/x?key=hunter22"))
        }
        #expect(failure?.kind == .network && failure?.description.contains("hunter22") == false)
        #expect(failure?.description.hasPrefix("http://127.0.0.1:2/x?…: ") == true)
        for text in ["http://h:3128", "https://h", "socks5://me:pw@h:1080", "socks5h://[::1]:1"] {
            #expect(isProxyURL(text), "\(text)")
        }
        for text in ["", "h:3128", "ftp://h", "http://", "http://h:x", "socks4://h"] {
            #expect(!isProxyURL(text), "\(text)")
        }
    }

    @Test("a peer that says nothing is a timeout")
    func timeout() async throws {
        let server = try ScriptedServer { _ in .silence }
        defer { server.stop() }
        let client = try CurlClient()
        let failure = await #expect(throws: HTTPFailure.self) {
            try await client.send(CurlRequest(url: server.url, timeout: .milliseconds(50)))
        }
        #expect(failure?.kind == .timeout)
    }

    @Test("cancelling the task ends the request and closes its connection")
    func cancellation() async throws {
        let arrived = AsyncStream<Void>.makeStream()
        let left = AsyncStream<Void>.makeStream()
        let server = try ScriptedServer(onHangup: { left.continuation.yield() }) { _ in
            arrived.continuation.yield()
            return .silence
        }
        defer { server.stop() }
        let client = try CurlClient()
        let task = Task { try await client.send(CurlRequest(url: server.url)) }
        for await _ in arrived.stream { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for await _ in left.stream { break }
        // One that is cancelled before it begins sends nothing.
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await client.send(CurlRequest(url: server.url))
        }
        await #expect(throws: CancellationError.self) { try await early.value }
    }

    @Test("closing ends requests under way and refuses later ones")
    func closing() async throws {
        let arrived = AsyncStream<Void>.makeStream()
        let server = try ScriptedServer { _ in
            arrived.continuation.yield()
            return .silence
        }
        defer { server.stop() }
        let client = try CurlClient()
        let task = Task { try await client.send(CurlRequest(url: server.url)) }
        for await _ in arrived.stream { break }
        client.close()
        let failure = await #expect(throws: HTTPFailure.self) { try await task.value }
        #expect(failure?.kind == .closed)
        let later = await #expect(throws: HTTPFailure.self) { try await client.send(CurlRequest(url: server.url)) }
        #expect(later?.kind == .closed)
        client.close()
    }

    @Test("a body that is longer than allowed is a failure, and one that is as long is not")
    func maximumBody() async throws {
        let server = try ScriptedServer {
            $0.path == "/chunks" ? .chunks(["1234", "5678"]) : .answer(200, [:], "12345678")
        }
        defer { server.stop() }
        let client = try CurlClient()
        for path in ["/chunks", "/whole"] {
            let answer = try await client.send(CurlRequest(url: server.url + path, maximumBody: 8))
            #expect(answer.text == "12345678")
            let failure = await #expect(throws: HTTPFailure.self) {
                try await client.send(CurlRequest(url: server.url + path, maximumBody: 7))
            }
            #expect(failure?.kind == .tooLarge)
            #expect(failure?.reason == "the body is longer than 7 bytes")
        }
    }

    @Test("a URL is taken apart, and what is not one of http or https is none")
    func urls() {
        let url = CurlURL("https://me:secret@host.example:9400/metrics?a=b")
        #expect(url?.host == "host.example")
        #expect(url?.shown == "https://host.example:9400/metrics?…")
        #expect(CurlURL("http://[::1]:9400/")?.host == "::1")
        for text in [
            "", "host:9400/metrics", "/metrics", "http://", "ftp://host/", "http://a b/", "http://host:99999/",
        ] {
            #expect(CurlURL(text) == nil, "\(text)")
        }
    }

    @Test("names and values of a query are percent-encoded")
    func encoding() {
        #expect(formEncoded([("db", "a&b=c d+é"), ("x~-._", "")]) == "db=a%26b%3Dc%20d%2B%C3%A9&x~-._=")
    }
}
