import FaultSupport
import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("Clients that have no token, stall, read nothing or are too many", .timeLimit(.minutes(20)))
struct StrangerTests {
    /// What the server reported, in order.
    private final class Reports: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private func withServer(
        _ change: (inout MQServer.Configuration) -> Void = { _ in }, _ body: (MQServer, Reports) async throws -> Void
    ) async throws {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = 0
        configuration.wrongTokenDelay = .milliseconds(20)
        change(&configuration)
        let reports = Reports()
        configuration.onEvent = { reports.add("\($0)") }
        let server = try await MQServer(configuration: configuration)
        do { try await body(server, reports) } catch {
            await server.shutdown()
            throw error
        }
        await server.shutdown()
    }

    /// A metric as the server's HTTP port has it.
    private func metric(_ server: MQServer, _ name: String) throws -> Int {
        let peer = try RawPeer(port: try #require(server.httpPort))
        try peer.sendBytes(Array("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        let text = String(decoding: try peer.receiveAll(), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "no \(name)")
        return try #require(Int(line.split(separator: " ")[1]))
    }

    private func length(_ count: UInt32) -> [UInt8] { withUnsafeBytes(of: count.bigEndian) { Array($0) } }

    // MARK: Before hello

    @Test("before hello a frame has at most 4 KiB, and after it as much as is configured")
    func greetingSize() async throws {
        try await withServer({ $0.token = "secret" }) { server, _ in
            let stranger = try RawPeer(port: server.port)
            // The length alone is enough: nothing of the frame is waited for.
            try stranger.sendBytes(length(4097))
            #expect(members(try stranger.receive())["code"] as? String == "frame_too_large")
            #expect(stranger.endsByItself)
            let client = try RawPeer(port: server.port)
            let hello = #"{"type":"hello","token":"secret"}"#
            let padded = hello + String(repeating: " ", count: 4096 - hello.utf8.count)
            // Both in one piece: what comes after hello is an ordinary frame.
            let large = #"{"type":"publish","payload":"\#(String(repeating: "x", count: 1 << 20))"}"#
            try client.sendBytes(RawPeer.frame(padded) + RawPeer.frame(large))
            #expect(members(try client.receive())["success"] as? Bool == true)
            #expect(members(try client.receive())["offset"] as? Int == 0)
        }
    }

    @Test(
        "before hello a frame that cannot be read ends the connection, and what follows it is not answered",
        arguments: ["x", "{}", "[]", #"{"type":7}"#])
    func unreadable(frame: String) async throws {
        try await withServer({ $0.token = "secret" }) { server, reports in
            let stranger = try RawPeer(port: server.port)
            try stranger.sendBytes((0..<1000).flatMap { _ in RawPeer.frame(frame) })
            let answers = try stranger.receiveAll()
            #expect(
                answers.count < 300 && String(decoding: answers, as: UTF8.self).contains(#""code":"invalid_frame""#))
            #expect(try metric(server, #"telemetry_mq_errors_total{code="invalid_frame"}"#) == 1)
            #expect(reports.all.count == 1 && reports.all[0].hasPrefix("127.0.0.1:"))
        }
    }

    @Test(
        "a wrong token is reported with its peer once per while, counted, and refused late; a right one is not kept waiting"
    )
    func wrongTokens() async throws {
        try await withServer({
            $0.token = "secret"
            $0.wrongTokenDelay = .milliseconds(300)
        }) { server, reports in
            let begun = ContinuousClock.now
            let strangers = try (0..<20).map { _ in try RawPeer(port: server.port) }
            for (n, stranger) in strangers.enumerated() {
                try stranger.send(#"{"type":"hello","request_id":\#(n),"token":"guess"}"#)
            }
            let client = try RawPeer(port: server.port)
            #expect(members(try client.ask(#"{"type":"hello","token":"secret"}"#))["success"] as? Bool == true)
            for (n, stranger) in strangers.enumerated() {
                let answer = members(try stranger.receive())
                #expect(answer["code"] as? String == "unauthorized" && answer["request_id"] as? Int == n)
                #expect(stranger.endsByItself)
            }
            #expect(ContinuousClock.now - begun >= .milliseconds(300))
            #expect(try metric(server, "telemetry_mq_wrong_tokens_total") == 20)
            #expect(reports.all.count == 1)
            #expect(reports.all[0].contains("127.0.0.1:") && reports.all[0].contains("the token is wrong"))
        }
    }

    @Test("no more refusals wait than a bound: one more is closed without a response, and those that leave make room")
    func delayedRefusals() async throws {
        try await withServer({
            $0.token = "secret"
            $0.wrongTokenDelay = .seconds(600)
            $0.maxDelayedRefusals = 5
        }) { server, _ in
            func stranger() throws -> RawPeer {
                let peer = try RawPeer(port: server.port)
                try peer.send(#"{"type":"hello","token":"guess"}"#)
                return peer
            }
            /// Those that wait now or have left while they waited.
            func held() throws -> Int {
                try metric(server, "telemetry_mq_wrong_tokens_total")
                    - metric(server, #"telemetry_mq_errors_total{code="unauthorized"}"#)
            }
            var waiting = try (0..<5).map { _ in try stranger() }
            while try held() < 5 { await Task.yield() }
            #expect(try stranger().receiveAll().isEmpty)
            #expect(try held() == 5)
            waiting.removeLast().reset()
            // When the server has noticed, one more can wait.
            while try held() == 5 {
                let before = try metric(server, "telemetry_mq_wrong_tokens_total")
                waiting.append(try stranger())
                while try metric(server, "telemetry_mq_wrong_tokens_total") == before { await Task.yield() }
            }
            #expect(try held() == 6)
        }
    }

    // MARK: Memory

    @Test("unfinished frames of all connections hold no more than the limit, and a publisher goes on")
    func unfinishedFrames() async throws {
        let limit = 8 << 20
        try await withServer({ $0.receiveBytes = limit }) { server, reports in
            let good = try RawPeer(port: server.port)
            let strangers = try (0..<20).map { _ in try RawPeer(port: server.port) }
            for (n, stranger) in strangers.enumerated() {
                try? stranger.sendBytes(
                    length(4 << 20) + Array(#"{"type":"publish","payload":""#.utf8)
                        + [UInt8](repeating: 0x78, count: 2 << 20))
                #expect(
                    members(
                        try good.ask(#"{"type":"publish","payload":"\#(String(repeating: "g", count: 1 << 20))"}"#))[
                            "offset"] as? Int == n)
            }
            // All that was sent is received or refused; the bytes are counted, not the memory of the process.
            while try metric(server, "telemetry_mq_held_bytes") > limit { await Task.yield() }
            let refused = try metric(server, #"telemetry_mq_errors_total{code="overloaded"}"#)
            #expect((16...20).contains(refused), "\(refused)")
            #expect(reports.all.contains { $0.contains("127.0.0.1:") && $0.contains("unfinished frames") })
            let told = strangers.count { $0.hasInput && ((try? $0.receive()) ?? "").contains(#""code":"overloaded""#) }
            #expect(told > 0)
        }
    }

    @Test(
        "a client that asks for more than it reads is answered as far as there is room, and in order when it reads",
        arguments: [
            "get_stats", "nonsense", "ping",
        ])
    func responsesNobodyReads(type: String) async throws {
        try await withServer { server, _ in
            let peer = try RawPeer(port: server.port)
            let count = 200_000
            let frames = (0..<count).flatMap { RawPeer.frame(#"{"type":"\#(type)","request_id":\#($0)}"#) }
            // One thread sends and this one receives: what they share is the descriptor.
            nonisolated(unsafe) let sender = peer
            let sending = Thread { try? sender.sendBytes(frames) }
            sending.start()
            // It takes no more once what it has written is not read: the rest of the frames waits at the sender.
            var most = 0
            for _ in 0..<20 { most = max(most, try metric(server, "telemetry_mq_held_bytes")) }
            #expect(most < 4 << 20, "\(most)")
            for n in 0..<count {
                let text = try peer.receive()
                guard text.contains(#""request_id":\#(n)"#) else {
                    Issue.record("\(n): \(text)")
                    return
                }
            }
        }
    }

    @Test("requests for long responses that arrive together are answered one by one, as they are read")
    func longResponses() async throws {
        try await withServer { server, _ in
            let peer = try RawPeer(port: server.port)
            _ = try peer.ask(#"{"type":"publish","payload":1}"#)
            let filler = String(repeating: "x", count: 100)
            for id in 0..<1000 { _ = try peer.ask(#"{"type":"ack","subscriber_id":"\#(filler)\#(id)","offset":0}"#) }
            let length = try peer.ask(#"{"type":"get_stats"}"#).utf8.count
            #expect(length > 200_000)
            try peer.sendBytes((0..<500).flatMap { RawPeer.frame(#"{"type":"get_stats","request_id":\#($0)}"#) })
            // All that was sent together would be a hundred megabytes.
            for n in 0..<20 {
                #expect(try peer.receive().contains(#""request_id":\#(n)"#))
                #expect(try metric(server, "telemetry_mq_held_bytes") < 4 << 20)
            }
        }
    }

    @Test("many requests in one read leave other clients their turn, and all are answered")
    func turns() async throws {
        try await withServer { server, _ in
            let peer = try RawPeer(port: server.port)
            let count = 5000
            try peer.sendBytes(
                (0..<count).flatMap {
                    RawPeer.frame(#"{"type":"subscribe","subscriber_id":"s","offset":0,"request_id":\#($0)}"#)
                })
            let other = try RawPeer(port: server.port)
            #expect(try other.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
            for n in 0..<count { try #require(members(try peer.receive())["request_id"] as? Int == n) }
        }
    }

    @Test("payloads of a frame are bounded in number, since each takes more of the log than of the frame")
    func payloads() async throws {
        try await withServer { server, _ in
            let peer = try RawPeer(port: server.port)
            func frame(_ count: Int, _ separator: String) -> String {
                #"{"type":"publish","payloads":[\#((0..<count).map { _ in "1" }.joined(separator: separator))]}"#
            }
            for separator in [",", ", "] {
                #expect(
                    members(try peer.ask(frame(RequestParser.maxPayloads + 1, separator)))["code"] as? String
                        == "invalid_frame")
                #expect(
                    members(try peer.ask(frame(RequestParser.maxPayloads, separator)))["count"] as? Int
                        == RequestParser.maxPayloads)
            }
        }
    }

    // MARK: Stalls

    @Test("a frame that is begun and not continued is given up, without a token too; silence between frames is not")
    func stalledFrame() async throws {
        try await withServer({ $0.frameTimeout = .milliseconds(200) }) { server, reports in
            let quiet = try RawPeer(port: server.port)
            #expect(try quiet.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
            let strangers = try (0..<5).map { _ in try RawPeer(port: server.port) }
            for stranger in strangers {
                try stranger.sendBytes(length(1 << 20) + [UInt8](repeating: 0x20, count: 300_000))
            }
            for stranger in strangers {
                #expect(members(try stranger.receive())["code"] as? String == "frame_timeout")
                #expect(stranger.endsByItself)
            }
            #expect(try metric(server, "telemetry_mq_held_bytes") == 0)
            #expect(try metric(server, #"telemetry_mq_errors_total{code="frame_timeout"}"#) == 5)
            #expect(reports.all.count == 1)
            #expect(try quiet.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
        }
    }

    // MARK: Number

    @Test("at the limit the oldest connection without a request gives way; if all have made one, who comes is refused")
    func connectionLimit() async throws {
        try await withServer({ $0.maxConnections = 4 }) { server, _ in
            let used = try (0..<2).map { _ in
                let peer = try RawPeer(port: server.port)
                #expect(try peer.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
                return peer
            }
            let idle = try (0..<2).map { _ in try RawPeer(port: server.port) }
            let served = try (0..<2).map { _ in
                let peer = try RawPeer(port: server.port)
                #expect(try peer.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
                return peer
            }
            for peer in idle { #expect(members(try peer.receive())["code"] as? String == "too_many_connections") }
            let late = try RawPeer(port: server.port)
            #expect(members(try late.receive())["code"] as? String == "too_many_connections")
            #expect(late.endsByItself)
            for peer in used + served { #expect(try peer.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#) }
        }
    }

    @Test("with a token, strangers who fill all connections do not keep a client out")
    func strangersFillAll() async throws {
        try await withServer({
            $0.maxConnections = 8
            $0.token = "secret"
        }) { server, _ in
            var strangers: [RawPeer] = []
            for _ in 0..<50 {
                strangers.append(try RawPeer(port: server.port))
                try? strangers.last?.sendBytes([0, 0, 0, 9])
            }
            let client = try RawPeer(port: server.port)
            #expect(members(try client.ask(#"{"type":"hello","token":"secret"}"#))["success"] as? Bool == true)
        }
    }
}
