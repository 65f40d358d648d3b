import FaultSupport
import Foundation
import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Headers of the gateway", .timeLimit(.minutes(20)))
struct ExchangeTests {
    @Test(
        "a sound request id is kept, another is replaced, and the log has the one of the answer",
        arguments: [
            ("abc-123", true), ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true), ("", false),
            ("two words", false),
            ("a\"b", false), (String(repeating: "x", count: 129), false),
        ])
    func requestID(given: String, isKept: Bool) async throws {
        let logged = Mutex<[String]>([])
        try await GatewayStage.with({ $0.onRequest = { record in logged.withLock { $0.append(record.id) } } }) {
            stage in
            for path in ["/health", "/nowhere"] {
                let answer = try await stage.get(path, headers: [(name: "X-Request-ID", value: given)])
                let id = try #require(answer.header("x-request-id"))
                #expect((id == given) == isKept)
                #expect(RequestID.isValid(id))
                #expect(logged.withLock { $0.last } == id)
            }
        }
    }

    @Test(
        "what lasts has an entity tag, and is not sent again to who has it",
        arguments: ["/openapi.json", "/api/v1/catalogue", "/api/v1/catalogue/xid"])
    func entityTags(path: String) async throws {
        try await GatewayStage.with { stage in
            let first = try await stage.get(path)
            let tag = try #require(first.header("etag"))
            #expect(first.status == 200)
            #expect(!first.body.isEmpty)
            for given in [tag, "\"other\", " + tag, "W/" + tag, "*"] {
                let again = try await stage.get(path, headers: [(name: "If-None-Match", value: given)])
                #expect(again.status == 304)
                #expect(again.body.isEmpty)
                #expect(again.header("etag") == tag)
            }
            #expect(try await stage.get(path, headers: [(name: "If-None-Match", value: "\"other\"")]).status == 200)
            // What changes is not to be kept.
            #expect(try await stage.get("/api/v1/gpus").header("cache-control") == "no-store")
        }
    }

    @Test("pages of the origins that are named may ask, and no others")
    func origins() async throws {
        try await GatewayStage.with({
            $0.corsOrigins = ["https://a.example"]
            $0.apiToken = "secret"
        }) { stage in
            let origin = (name: "Origin", value: "https://a.example")
            // An error too, or the page would not learn what was wrong.
            for path in ["/health", "/nowhere", "/api/v1/gpus"] {
                let answer = try await stage.get(path, headers: [origin])
                #expect(answer.header("access-control-allow-origin") == "https://a.example")
                #expect(answer.header("vary") == "Origin")
                #expect(answer.header("access-control-expose-headers")?.contains("Link") == true)
            }
            let other = try await stage.get("/health", headers: [(name: "Origin", value: "https://b.example")])
            #expect(other.header("access-control-allow-origin") == nil)
            #expect(other.header("vary") == "Origin")
            // A browser asks first, and without the token.
            let method = (name: "Access-Control-Request-Method", value: "GET")
            let preflight = try await stage.get("/api/v1/gpus", method: "OPTIONS", headers: [origin, method])
            #expect(preflight.status == 204)
            #expect(preflight.header("access-control-allow-methods") == "GET, HEAD, OPTIONS, POST")
            #expect(preflight.header("access-control-allow-headers")?.contains("Authorization") == true)
            let refused = try await stage.get(
                "/api/v1/gpus", method: "OPTIONS", headers: [(name: "Origin", value: "https://b.example"), method])
            #expect(refused.header("access-control-allow-methods") == nil)
        }
        try await GatewayStage.with({ $0.corsOrigins = ["*"] }) { stage in
            let answer = try await stage.get("/health", headers: [(name: "Origin", value: "null")])
            #expect(answer.header("access-control-allow-origin") == "*")
        }
        try await GatewayStage.with { stage in
            let answer = try await stage.get("/health", headers: [(name: "Origin", value: "https://a.example")])
            #expect(answer.header("access-control-allow-origin") == nil)
        }
    }

    @Test(
        "who accepts nothing that is served is told what is",
        arguments: [
            ("/api/v1/gpus", "text/csv", 406), ("/api/v1/gpus", "application/json;q=0, text/html", 406),
            ("/api/v1/gpus", "application/*", 200),
            ("/api/v1/gpus", "text/html, */*;q=0.1", 200), ("/api/v1/gpus", "*/*, application/json;q=0", 406),
            ("/api/v1/telemetry/export", "image/png", 406),
            ("/metrics", "application/openmetrics-text, text/plain;version=0.0.4;q=0.5", 200),
            ("/api/v1/gpus", "APPLICATION/JSON", 200),
            ("/", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200),
        ])
    func accept(path: String, accept: String, status: Int) async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let answer = try await stage.get(path, headers: [(name: "Accept", value: accept)])
            #expect(answer.status == status)
            if status == 406 {
                #expect(
                    answer.text.contains("\"error\":\"not_acceptable\"")
                        && answer.text.contains("available media types: "))
            }
        }
    }

    @Test(
        "HEAD has the head of GET and no body",
        arguments: ["/api/v1/gpus", "/openapi.json", "/api/v1/telemetry/export", "/api/v1/gpus/none"])
    func head(path: String) async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            let get = try await stage.get(path)
            let peer = try RawPeer(port: stage.port)
            try peer.sendBytes(Array("HEAD \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8))
            let answer = String(decoding: try peer.receiveAll(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 \(get.status) "))
            #expect(answer.hasSuffix("\r\n\r\n"))
            for name in ["Content-Type", "Content-Length"] {
                let line = get.header(name).map { "\r\n\(name): \($0)\r\n" }
                #expect(line.map(answer.contains) ?? true, "\(answer)")
            }
        }
    }

    @Test("requests that are too large are refused as such")
    func limits() async throws {
        try await GatewayStage.with { stage in
            let longPath = try await stage.get("/" + String(repeating: "a", count: 9_000))
            #expect(longPath.status == 414)
            let longField = try await stage.get(
                "/health", headers: [(name: "X-Long", value: String(repeating: "a", count: 40_000))])
            #expect(longField.status == 431)
            let body = CurlRequest(
                method: "POST", url: "http://127.0.0.1:\(stage.port)/health",
                body: [UInt8](repeating: 65, count: 3 << 20))
            let large = try await stage.client.send(body)
            #expect(large.status == 413)
        }
    }
}
