import FaultSupport
import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("The server, asked by a client of plain sockets", .timeLimit(.minutes(20)))
struct ServerTests {
    private func withServer(
        _ change: (inout MQServer.Configuration) -> Void = { _ in }, _ body: (MQServer) async throws -> Void
    ) async throws {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = 0
        change(&configuration)
        let server = try await MQServer(configuration: configuration)
        do {
            try await body(server)
        } catch {
            await server.shutdown()
            throw error
        }
        await server.shutdown()
    }

    @Test("a payload comes back byte for byte, with its offset and a right checksum")
    func byteForByte() async throws {
        try await withServer { server in
            let payloads = [
                #"{"a" : [1, 2.50, "é\u00e9"] }"#, "null", "\"\"", "-0.0", "[ ]", #""},\"offset\":99,\"x\":{""#,
            ]
            let peer = try RawPeer(port: server.port)
            for (offset, payload) in payloads.enumerated() {
                let answer = members(
                    try peer.ask(#"{"payload":\#(payload),"type":"publish","request_id":"r\#(offset)"}"#))
                #expect(answer["success"] as? Bool == true)
                #expect(answer["offset"] as? Int == offset)
                #expect(answer["request_id"] as? String == "r\(offset)")
            }
            let reader = try RawPeer(port: server.port)
            #expect(
                members(try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":-2}"#))["offset"] as? Int == 0
            )
            for (offset, payload) in payloads.enumerated() {
                let frame = try reader.receiveFrame()
                #expect(frame.withUnsafeBytes { Record.damage($0) } == nil)
                let header = try #require(frame.withUnsafeBytes { Record.header($0) })
                #expect(header.offset == Int64(offset))
                #expect(String(decoding: frame[header.payload], as: UTF8.self) == payload)
                let message = members(String(decoding: frame.dropFirst(4), as: UTF8.self))
                #expect(message["offset"] as? Int == offset)
                #expect(message["message_id"] as? String == "\(offset)")
            }
        }
    }

    @Test("publishes that many connections send at once, between other requests, keep their bytes and their answers")
    func interleaved() async throws {
        try await withServer { server in
            let (connections, rounds) = (8, 60)
            // From 4 KiB on a payload is written from where it was received.
            func payload(_ connection: Int, _ round: Int) -> String {
                "\"" + String(repeating: "\(connection)-\(round) ", count: 800 + 37 * connection) + "\""
            }
            let peers = try (0..<connections).map { _ in try RawPeer(port: server.port) }
            for round in 0..<rounds {
                for (index, peer) in peers.enumerated() {
                    try peer.sendBytes(
                        RawPeer.frame(#"{"type":"publish","request_id":"a\#(round)","payload":[\#(index),\#(round)]}"#)
                            + RawPeer.frame(#"{"type":"ping","request_id":"p\#(round)"}"#)
                            + RawPeer.frame(
                                #"{"type":"publish","request_id":"b\#(round)","payload":\#(payload(index, round))}"#))
                }
            }
            for peer in peers {
                for round in 0..<rounds {
                    for id in ["a", "p", "b"] {
                        #expect(members(try peer.receive())["request_id"] as? String == "\(id)\(round)")
                    }
                }
            }
            let reader = try RawPeer(port: server.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":-2}"#)
            var next = [Int](repeating: 0, count: connections)
            for _ in 0..<connections * rounds * 2 {
                let frame = try reader.receiveFrame()
                try #require(frame.withUnsafeBytes { Record.damage($0) } == nil)
                let header = try #require(frame.withUnsafeBytes { Record.header($0) })
                let text = String(decoding: frame[header.payload], as: UTF8.self)
                let connection = try #require(text.dropFirst().first?.wholeNumberValue)
                let (round, isSecond) = (next[connection] / 2, next[connection] % 2 == 1)
                next[connection] += 1
                #expect(text == (isSecond ? payload(connection, round) : "[\(connection),\(round)]"))
            }
        }
    }

    @Test("every subscriber sees every message once, in order, from where it asked", arguments: [0, 1, 5, 9, -2])
    func subscribeFrom(offset: Int) async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            for n in 0..<10 { _ = try peer.ask(#"{"type":"publish","payload":\#(n)}"#) }
            let readers = try (0..<3).map { index in
                let reader = try RawPeer(port: server.port)
                _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"s\#(index)","offset":\#(offset)}"#)
                return reader
            }
            _ = try peer.ask(#"{"type":"publish","payloads":[10,11]}"#)
            for reader in readers {
                for n in max(offset, 0)..<12 { #expect(members(try reader.receive())["payload"] as? Int == n) }
            }
        }
    }

    @Test(
        "without an offset, and with -1, only what comes later is delivered",
        arguments: ["", #","offset":-1"#, #","offset":"latest""#])
    func latest(offset: String) async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            _ = try peer.ask(#"{"type":"publish","payload":"before"}"#)
            let reader = try RawPeer(port: server.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"s"\#(offset)}"#)
            _ = try peer.ask(#"{"type":"publish","payload":"after"}"#)
            #expect(members(try reader.receive())["payload"] as? String == "after")
        }
    }

    @Test(
        "bad frames are refused with their code, and the connection goes on",
        arguments: [
            ("{}", "invalid_frame"), ("[]", "invalid_frame"), ("x", "invalid_frame"),
            (#"{"type":"publish"}"#, "invalid_frame"),
            (#"{"type":"publish","payloads":[]}"#, "invalid_frame"),
            (#"{"type":"publish","payload":1,"payload":2}"#, "invalid_frame"),
            (#"{"type":"publish","payload":1,"payloads":[2]}"#, "invalid_frame"),
            (#"{"type":"publish","payload":01}"#, "invalid_json"),
            (#"{"type":"publish","payload":{"a":}}"#, "invalid_json"),
            (#"{"type":"publish","payload":"\ud800"}"#, "invalid_json"),
            (#"{"type":"publish","payload":1}}"#, "invalid_frame"),
            (#"{"type":"publish","payloads":[1,]}"#, "invalid_json"),
            (#"{"type":7}"#, "invalid_frame"), (#"{"type":"fly"}"#, "unknown_type"),
            (#"{"type":"subscribe"}"#, "invalid_frame"),
            (#"{"type":"subscribe","subscriber_id":"s","offset":-3}"#, "invalid_frame"),
            (#"{"type":"subscribe","subscriber_id":"s","offset":0,"timestamp":5}"#, "invalid_frame"),
            (#"{"type":"subscribe","subscriber_id":"","offset":0}"#, "invalid_frame"),
            (#"{"type":"ack"}"#, "invalid_frame"),
            (#"{"type":"publish","request_id":{},"payload":1}"#, "invalid_frame"),
            (#"{"type":"publish","producer_id":"p","sequence":-1,"payload":1}"#, "invalid_frame"),
        ])
    func badFrames(frame: String, code: String) async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            let answer = members(try peer.ask(frame))
            #expect(answer["type"] as? String == "error")
            #expect(answer["code"] as? String == code)
            #expect((answer["error"] as? String)?.isEmpty == false)
            #expect(members(try peer.ask(#"{"type":"publish","payload":1}"#))["offset"] as? Int == 0)
        }
    }

    @Test("nesting beyond the limit is refused and harms nothing")
    func depthBomb() async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            let bomb = String(repeating: "[", count: 500_000)
            #expect(
                members(try peer.ask(#"{"type":"publish","payload":\#(bomb)}"#))["code"] as? String == "invalid_json")
            #expect(try peer.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
        }
    }

    @Test(
        "a length of zero or beyond the limit is told, and the connection closed",
        arguments: [0, 1025, 0x7FFF_FFFF, 0xFFFF_FFFF] as [UInt32])
    func badLength(length: UInt32) async throws {
        try await withServer({ $0.maxFrameBytes = 1024 }) { server in
            let peer = try RawPeer(port: server.port)
            try peer.sendBytes(
                RawPeer.frame(#"{"type":"publish","payload":1}"#) + withUnsafeBytes(of: length.bigEndian) { Array($0) })
            #expect(members(try peer.receive())["offset"] as? Int == 0)
            #expect(members(try peer.receive())["code"] as? String == "frame_too_large")
            #expect(peer.isClosedByPeer)
        }
    }

    @Test("frames in chunks of one byte, and many frames in one chunk, are the same")
    func chunks() async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            for byte in RawPeer.frame(#"{"type":"publish","payload":"one"}"#) + RawPeer.frame(#"{"type":"ping"}"#) {
                try peer.sendBytes([byte])
            }
            #expect(members(try peer.receive())["offset"] as? Int == 0)
            #expect(try peer.receive() == #"{"type":"pong"}"#)
            let large = "\"" + String(repeating: "y", count: 700_000) + "\""
            var many: [UInt8] = []
            for n in 1...3000 {
                many += RawPeer.frame(
                    #"{"type":"publish","payload":\#(n % 1000 == 0 ? large : String(n)),"request_id":\#(n)}"#)
            }
            try peer.sendBytes(many)
            for n in 1...3000 {
                let answer = members(try peer.receive())
                #expect(answer["offset"] as? Int == n)
                #expect(answer["request_id"] as? Int == n)
            }
        }
    }

    @Test("a repeated sequence number is answered with its first offset and appended once, also after a restart")
    func idempotence() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        for round in 0..<2 {
            try await withServer({ $0.dataDirectory = directory.path }) { server in
                let peer = try RawPeer(port: server.port)
                let first = members(try peer.ask(#"{"type":"publish","producer_id":"p","sequence":1,"payload":"a"}"#))
                #expect(first["offset"] as? Int == 0)
                #expect((first["duplicate"] as? Bool ?? false) == (round == 1))
                let many = members(
                    try peer.ask(#"{"type":"publish","producer_id":"p","sequence":5,"payloads":["b","c"]}"#))
                #expect(many["offset"] as? Int == 1)
                let other = members(try peer.ask(#"{"type":"publish","producer_id":"q","sequence":1,"payload":"d"}"#))
                #expect(other["offset"] as? Int == 3)
                #expect(
                    members(try peer.ask(#"{"type":"publish","producer_id":"p","sequence":3,"payload":"x"}"#))["code"]
                        as? String == "stale_sequence")
                #expect(try peer.ask(#"{"type":"get_stats"}"#).contains(#""total_messages":4"#))
            }
        }
    }

    @Test(
        "a frame of which a crash left only a part in the log is completed when it is repeated, and its offsets are told"
    )
    func partOfAFrame() async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            _ = try peer.ask(#"{"type":"publish","producer_id":"p","sequence":1,"payloads":["a","b"]}"#)
            _ = try peer.ask(#"{"type":"publish","payload":"between"}"#)
            let answer = members(
                try peer.ask(#"{"type":"publish","producer_id":"p","sequence":1,"payloads":["a","b","c","d"]}"#))
            #expect(answer["offset"] as? Int == 0)
            #expect(answer["offsets"] as? [Int] == [0, 1, 3, 4])
            #expect(answer["duplicate"] == nil)
            let again = members(
                try peer.ask(#"{"type":"publish","producer_id":"p","sequence":1,"payloads":["a","b","c","d"]}"#))
            #expect(again["offsets"] as? [Int] == [0, 1, 3, 4])
            #expect(again["duplicate"] as? Bool == true)
        }
    }

    @Test("a second subscriber of an id takes over, and the first is told")
    func takeOver() async throws {
        try await withServer { server in
            let first = try RawPeer(port: server.port)
            _ = try first.ask(#"{"type":"subscribe","subscriber_id":"s"}"#)
            let second = try RawPeer(port: server.port)
            _ = try second.ask(#"{"type":"subscribe","subscriber_id":"s"}"#)
            #expect(members(try first.receive())["code"] as? String == "superseded")
            #expect(first.isClosedByPeer)
            _ = try RawPeer(port: server.port).ask(#"{"type":"publish","payload":1}"#)
            #expect(members(try second.receive())["payload"] as? Int == 1)
        }
    }

    @Test("a committed position is resumed after a restart")
    func committed() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try await withServer({
            $0.dataDirectory = directory.path
            $0.sync = .always
        }) { server in
            let peer = try RawPeer(port: server.port)
            for n in 0..<5 { _ = try peer.ask(#"{"type":"publish","payload":\#(n)}"#) }
            #expect(
                members(try peer.ask(#"{"type":"ack","subscriber_id":"s","offset":2}"#))["success"] as? Bool == true)
        }
        try await withServer({ $0.dataDirectory = directory.path }) { server in
            let reader = try RawPeer(port: server.port)
            #expect(
                members(try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":"committed"}"#))["offset"]
                    as? Int == 3)
            #expect(members(try reader.receive())["payload"] as? Int == 3)
        }
    }

    @Test("a subscription by time begins with the first message that is not older")
    func byTime() async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            var times: [Int64] = []
            let watcher = try RawPeer(port: server.port)
            _ = try watcher.ask(#"{"type":"subscribe","subscriber_id":"w","offset":0}"#)
            for n in 0..<5 {
                _ = try peer.ask(#"{"type":"publish","payload":\#(n)}"#)
                times.append(try #require(members(try watcher.receive())["timestamp"] as? Int64))
            }
            for (time, first) in [
                (0, 0), (times[2], times.firstIndex(of: times[2])!), (times[4], times.firstIndex(of: times[4])!),
            ] {
                let reader = try RawPeer(port: server.port)
                let answer = members(try reader.ask(#"{"type":"subscribe","subscriber_id":"t","timestamp":\#(time)}"#))
                #expect(answer["offset"] as? Int == first)
                #expect(members(try reader.receive())["offset"] as? Int == first)
            }
            let late = try RawPeer(port: server.port)
            #expect(
                members(try late.ask(#"{"type":"subscribe","subscriber_id":"t","timestamp":\#(times[4] + 1)}"#))[
                    "offset"] as? Int == 5)
        }
    }

    @Test("a subscriber beyond the end of a log that began anew gets all of it, and is told")
    func logReset() async throws {
        try await withServer { server in
            _ = try RawPeer(port: server.port).ask(#"{"type":"publish","payload":"new"}"#)
            let reader = try RawPeer(port: server.port)
            let answer = members(try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":500}"#))
            #expect(answer["log_reset"] as? Bool == true)
            #expect(members(try reader.receive())["offset"] as? Int == 0)
        }
    }

    @Test("without the token nothing is done, and a wrong one is refused")
    func token() async throws {
        try await withServer({ $0.token = "secret" }) { server in
            for frame in [
                #"{"type":"publish","payload":1}"#, #"{"type":"hello"}"#, #"{"type":"hello","token":"secreT"}"#,
                #"{"type":"hello","token":""}"#,
                #"{"type":"hello","token":"secretsecret"}"#,
            ] {
                let peer = try RawPeer(port: server.port)
                #expect(members(try peer.ask(frame))["code"] as? String == "unauthorized")
                #expect(peer.isClosedByPeer)
            }
            let peer = try RawPeer(port: server.port)
            #expect(members(try peer.ask(#"{"type":"hello","token":"secret"}"#))["success"] as? Bool == true)
            #expect(members(try peer.ask(#"{"type":"publish","payload":1}"#))["offset"] as? Int == 0)
        }
    }

    @Test("a subscriber that does not read keeps nobody waiting, and gets everything when it does")
    func slowSubscriber() async throws {
        try await withServer { server in
            let slow = try RawPeer(port: server.port)
            _ = try slow.ask(#"{"type":"subscribe","subscriber_id":"slow"}"#)
            let peer = try RawPeer(port: server.port)
            let payload = "\"" + String(repeating: "z", count: 100_000) + "\""
            for n in 0..<200 {
                #expect(members(try peer.ask(#"{"type":"publish","payload":\#(payload)}"#))["offset"] as? Int == n)
            }
            let quick = try RawPeer(port: server.port)
            _ = try quick.ask(#"{"type":"subscribe","subscriber_id":"quick","offset":199}"#)
            #expect(members(try quick.receive())["offset"] as? Int == 199)
            for n in 0..<200 { #expect(members(try slow.receive())["offset"] as? Int == n) }
        }
    }

    @Test("an answer comes between two messages, never within one")
    func answersAtBoundaries() async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            let payload = "\"" + String(repeating: "z", count: 50_000) + "\""
            for _ in 0..<100 { _ = try peer.ask(#"{"type":"publish","payload":\#(payload)}"#) }
            let reader = try RawPeer(port: server.port)
            try reader.send(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
            for n in 0..<50 { try reader.send(#"{"type":"ping","request_id":\#(n)}"#) }
            var pongs = 0
            var next = 0
            while next < 100 || pongs < 50 {
                let frame = members(try reader.receive())
                switch frame["type"] as? String {
                case "pong":
                    #expect(frame["request_id"] as? Int == pongs)
                    pongs += 1
                case "message":
                    #expect(frame["offset"] as? Int == next)
                    next += 1
                default: break
                }
            }
            _ = try reader.ask(#"{"type":"unsubscribe","subscriber_id":"r"}"#)
            _ = try peer.ask(#"{"type":"publish","payload":1}"#)
            #expect(try reader.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
        }
    }

    @Test("a subscriber that falls behind retention goes on at the oldest message, and is told")
    func retention() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try await withServer({
            $0.dataDirectory = directory.path
            $0.segmentBytes = 10_000
            $0.retentionBytes = 20_000
        }) { server in
            let peer = try RawPeer(port: server.port)
            for n in 0..<1000 { _ = try peer.ask(#"{"type":"publish","payload":\#(n)}"#) }
            var oldest = 0
            while oldest == 0 {
                let statistics = members(try peer.ask(#"{"type":"get_stats"}"#))["payload"] as? [String: Any]
                oldest = try #require(statistics?["oldest_offset"] as? Int)
            }
            let reader = try RawPeer(port: server.port)
            let answer = members(try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":0}"#))
            #expect(answer["offset"] as? Int == oldest)
            #expect(answer["skipped"] as? Int == oldest)
            #expect(members(try reader.receive())["offset"] as? Int == oldest)
        }
    }

    @Test("a server that is stopped says so, behind the answers that it owes")
    func shuttingDown() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        var peer: RawPeer?
        try await withServer({
            $0.dataDirectory = directory.path
            $0.sync = .always
        }) { server in
            peer = try RawPeer(port: server.port)
            try peer?.send(#"{"type":"publish","payload":1}"#)
            // Answered by an other connection only when the first one's frame is in the log.
            let watcher = try RawPeer(port: server.port)
            _ = try watcher.ask(#"{"type":"subscribe","subscriber_id":"w","offset":0}"#)
            _ = try watcher.receive()
        }
        #expect(members(try #require(peer).receive())["offset"] as? Int == 0)
        #expect(members(try #require(peer).receive())["code"] as? String == "shutting_down")
        #expect(try #require(peer).isClosedByPeer)
    }

    @Test("a port in use and a directory that cannot be used are named")
    func startFailures() async throws {
        try await withServer { server in
            var configuration = MQServer.Configuration()
            configuration.port = server.port
            configuration.httpPort = nil
            await #expect { _ = try await MQServer(configuration: configuration) } throws: {
                "\($0)".contains("127.0.0.1:\(server.port)")
            }
        }
        var configuration = MQServer.Configuration()
        configuration.dataDirectory = "/proc/no-such-place"
        await #expect { _ = try await MQServer(configuration: configuration) } throws: {
            "\($0)".contains("/proc/no-such-place")
        }
    }
}
