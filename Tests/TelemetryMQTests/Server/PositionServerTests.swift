import FaultSupport
import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("Positions of subscribers, over the wire", .timeLimit(.minutes(20)))
struct PositionServerTests {
    private func withServer(
        _ change: (inout MQServer.Configuration) -> Void = { _ in }, _ body: (MQServer) async throws -> Void
    ) async throws {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        change(&configuration)
        let server = try await MQServer(configuration: configuration)
        var failure: (any Error)?
        do { try await body(server) } catch { failure = error }
        await server.shutdown()
        if let failure { throw failure }
    }

    private func publish(_ count: Int, to peer: RawPeer) throws {
        for _ in 0..<count {
            #expect(members(try peer.ask(#"{"type":"publish","payload":1}"#))["success"] as? Bool == true)
        }
    }

    private func positions(_ peer: RawPeer) throws -> [String: [String: Any]] {
        let payload = members(try peer.ask(#"{"type":"list_positions"}"#))["payload"] as? [String: Any]
        let list = try #require(payload?["positions"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: list.map { ($0["subscriber_id"] as? String ?? "", $0) })
    }

    private func metrics(_ server: MQServer) throws -> String {
        let peer = try RawPeer(port: try #require(server.httpPort))
        try peer.sendBytes(Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8))
        return String(decoding: try peer.receiveAll(), as: UTF8.self)
    }

    static let extremes = ["9223372036854775807", "9223372036854775806", "5", "4611686018427387904"]

    @Test(
        "a commit beyond the newest message is refused and changes nothing, also with the largest numbers and after a restart"
    )
    func beyondTheEnd() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        for life in 0..<2 {
            try await withServer({ $0.dataDirectory = directory.path }) { server in
                let peer = try RawPeer(port: server.port)
                if life == 0 { try publish(5, to: peer) }
                for offset in Self.extremes {
                    let refusal = members(
                        try peer.ask(#"{"type":"ack","subscriber_id":"s","offset":\#(offset),"request_id":7}"#))
                    #expect(
                        refusal["code"] as? String == "offset_out_of_range" && refusal["next_offset"] as? Int == 5,
                        "\(offset)")
                    #expect(refusal["request_id"] as? Int == 7)
                    let start = members(
                        try RawPeer(port: server.port).ask(
                            #"{"type":"subscribe","subscriber_id":"s","offset":"committed"}"#))
                    #expect(start["offset"] as? Int == life * 5, "\(offset)")
                }
                #expect(
                    members(try peer.ask(#"{"type":"ack","subscriber_id":"s","offset":4}"#))["success"] as? Bool == true
                )
            }
        }
    }

    @Test(
        "no number in any member of any request ends the server",
        arguments: [
            "offset", "timestamp", "sequence", "keepalive_ms", "request_id", "message_id", "log_id", "log_epoch",
            "after", "on_other_log",
        ])
    func extremeNumbers(member: String) async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            try publish(3, to: peer)
            let numbers = [
                "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615", "-1",
                "-2", "0", "1e308", "1e400",
                "0.5", "99999999999999999999999999", "4611686018427387903", "\"9223372036854775807\"",
            ]
            for type in [
                "hello", "publish", "subscribe", "ack", "nack", "unsubscribe", "get_stats", "list_positions",
                "delete_position", "ping",
            ] {
                for number in numbers {
                    let client = try RawPeer(port: server.port)
                    try client.send(
                        #"{"type":"\#(type)","subscriber_id":"s","producer_id":"p","payload":1,"\#(member)":\#(number)}"#
                    )
                    // Whatever the answer is, the server goes on answering.
                    try client.send(#"{"type":"ping","request_id":"end"}"#)
                    while members(try client.receive())["request_id"] as? String != "end" {}
                }
            }
            #expect(
                members(try peer.ask(#"{"type":"subscribe","subscriber_id":"s","offset":"committed"}"#))["success"]
                    as? Bool == true)
        }
    }

    @Test(
        "a directory that holds a position beyond its end opens, reports it, and begins where nothing is skipped",
        arguments: [
            "5", "1000", "9223372036854775806", "9223372036854775807",
        ])
    func olderDirectory(offset: String) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        try await withServer({ $0.dataDirectory = directory.path }) { server in
            try publish(5, to: RawPeer(port: server.port))
        }
        // As a version wrote it that accepted any offset and knew no identity.
        var line = ByteWriter()
        line.append(#"{"subscriber_id":"collector","offset":\#(offset)"#)
        line.appendChecksum(from: 0)
        line.append("\n")
        try Data(line.bytes).write(to: directory.file(PositionJournal.fileName))
        try FileManager.default.removeItem(at: directory.file(LogIdentityFile.name))

        let inspection = try LogInspection(directory: directory.path)
        #expect(inspection.problems.contains { $0.contains("collector") && $0.contains(offset) })
        for life in 0..<2 {
            let events = Mutex<[String]>([])
            try await withServer({
                $0.dataDirectory = directory.path
                $0.onEvent = { event in events.withLock { $0.append("\(event)") } }
            }) { server in
                let reader = try RawPeer(port: server.port)
                let start = members(
                    try reader.ask(#"{"type":"subscribe","subscriber_id":"collector","offset":"committed"}"#))
                #expect(start["offset"] as? Int == 0)
                for n in 0..<5 { #expect(members(try reader.receive())["offset"] as? Int == n) }
            }
            let repairs = events.withLock { $0.filter { $0.contains("collector") } }
            #expect(repairs.count == (life == 0 ? 1 : 0))
            #expect(repairs.allSatisfy { $0.contains(offset) && $0.contains(PositionJournal.fileName) })
            #expect(try LogInspection(directory: directory.path).problems == [])
        }
    }

    @Test(
        "the committed lag of a consumer counts what it has not committed, however much it was sent, and stays when it is dead"
    )
    func committedLag() async throws {
        try await withServer({ $0.httpPort = 0 }) { server in
            let peer = try RawPeer(port: server.port)
            try publish(50, to: peer)
            do {
                let consumer = try RawPeer(port: server.port)
                _ = try consumer.ask(#"{"type":"subscribe","subscriber_id":"db","offset":0}"#)
                for _ in 0..<50 { _ = try consumer.receive() }
                _ = try consumer.ask(#"{"type":"ack","subscriber_id":"db","offset":9}"#)
                let row = try #require(try positions(peer)["db"])
                #expect(
                    row["lag"] as? Int == 40 && row["connected"] as? Bool == true
                        && row["committed_offset"] as? Int == 9)
                #expect(row["skipped"] as? Int == 0 && (row["log_id"] as? String)?.count == 32)
                let committedAt = Double(try #require(row["committed_at"] as? Int)) / 1e6
                #expect(abs(committedAt - Date.now.timeIntervalSince1970) < 600)
                #expect((row["lag_seconds"] as? Double).map { $0 >= 0 && $0 < 600 } == true)
                // What is delivered is another number, and not to be taken for this one.
                let statistics = try #require(
                    members(try peer.ask(#"{"type":"get_stats"}"#))["payload"] as? [String: Any])
                let subscriber = try #require((statistics["subscribers"] as? [[String: Any]])?.first)
                #expect(subscriber["lag"] as? Int == 0 && subscriber["committed_offset"] as? Int == 9)
                #expect((statistics["positions"] as? [[String: Any]])?.first?["lag"] as? Int == 40)
                #expect(try metrics(server).contains("telemetry_mq_position_connected{subscriber=\"db\"} 1\n"))
                #expect(try consumer.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
            }
            try publish(10, to: peer)
            while try positions(peer)["db"]?["connected"] as? Bool == true {}
            #expect(try positions(peer)["db"]?["lag"] as? Int == 50)
            let text = try metrics(server)
            for sample in [
                "telemetry_mq_position_lag{subscriber=\"db\"} 50",
                "telemetry_mq_position_connected{subscriber=\"db\"} 0", "telemetry_mq_positions 1",
                "telemetry_mq_position_skipped_messages_total{subscriber=\"db\"} 0",
            ] { #expect(text.contains(sample + "\n")) }
            #expect(!text.contains("telemetry_mq_subscriber_lag{"))
            _ = try peer.ask(#"{"type":"ack","subscriber_id":"db","offset":59}"#)
            #expect(
                try positions(peer)["db"]?["lag"] as? Int == 0 && positions(peer)["db"]?["lag_seconds"] as? Double == 0)
        }
    }

    @Test("made-up ids fill the positions up to their number and no farther; deleting makes room")
    func bounded() async throws {
        let events = Mutex<[String]>([])
        try await withServer({
            $0.maxPositions = 1000
            $0.httpPort = 0
            $0.onEvent = { event in events.withLock { $0.append("\(event)") } }
        }) { server in
            let peer = try RawPeer(port: server.port)
            try publish(2, to: peer)
            for n in 0..<2000 {
                let answer = members(try peer.ask(#"{"type":"ack","subscriber_id":"made up \#(n)","offset":0}"#))
                #expect((answer["code"] as? String) == (n < 1000 ? nil : "too_many_positions"))
            }
            #expect(try positions(peer).count == 1000)
            // Those that are there can commit.
            #expect(
                members(try peer.ask(#"{"type":"ack","subscriber_id":"made up 7","offset":1}"#))["success"] as? Bool
                    == true)
            let text = try metrics(server)
            #expect(
                text.contains("telemetry_mq_positions 1000\n")
                    && text.contains("telemetry_mq_positions_refused_total 1000\n"))
            #expect(text.components(separatedBy: "telemetry_mq_position_lag{").count == 1001)
            #expect(events.withLock { $0.filter { $0.contains("1000") }.count } == 1)
            for n in 0..<1000 {
                #expect(
                    members(try peer.ask(#"{"type":"delete_position","subscriber_id":"made up \#(n)"}"#))["success"]
                        as? Bool == true)
            }
            #expect(try positions(peer).isEmpty)
            #expect(
                members(try peer.ask(#"{"type":"ack","subscriber_id":"real","offset":0}"#))["success"] as? Bool == true)
        }
    }

    @Test("ids that are equal to Unicode and not in their bytes are those of two subscribers, and of two producers")
    func idsByBytes() async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            let ids = ["caf\u{e9}", "cafe\u{301}"]
            for (offset, id) in ids.enumerated() {
                let answer = members(
                    try peer.ask(#"{"type":"publish","producer_id":"\#(id)","sequence":0,"payload":1}"#))
                #expect(answer["offset"] as? Int == offset)
            }
            for (offset, id) in ids.enumerated() {
                _ = try peer.ask(#"{"type":"ack","subscriber_id":"\#(id)","offset":\#(offset)}"#)
            }
            let client = try MQClient(configuration: quickConfiguration(server.port))
            let positions = try await client.positions()
            await client.close()
            #expect(positions.map { Array($0.subscriberID.utf8) } == ids.reversed().map { Array($0.utf8) })
            #expect(positions.map(\.committedOffset) == [1, 0])
        }
    }

    @Test("a list of any length comes in pages that fit into a frame, each id once")
    func pages() async throws {
        try await withServer { server in
            let peer = try RawPeer(port: server.port)
            try publish(1, to: peer)
            let filler = String(repeating: "\u{1}", count: 110)
            let ids = (0..<2000).map { filler + "\($0)" }
            for id in ids {
                let text = String(decoding: try JSONEncoder().encode(id), as: UTF8.self)
                #expect(
                    members(try peer.ask(#"{"type":"ack","subscriber_id":\#(text),"offset":0}"#))["success"] as? Bool
                        == true)
            }
            var page = try #require(members(try peer.ask(#"{"type":"list_positions"}"#))["payload"] as? [String: Any])
            #expect(page["next"] != nil)
            let client = try MQClient(configuration: quickConfiguration(server.port))
            #expect(try await client.positions().map(\.subscriberID) == ids.sorted())
            await client.close()
            page = try #require(
                members(try peer.ask(#"{"type":"list_positions","after":"\u00ff"}"#))["payload"] as? [String: Any])
            #expect((page["positions"] as? [Any])?.isEmpty == true && page["next"] == nil)
        }
    }

    @Test(
        "a position is deleted only if it is there and nobody uses it, and its id then begins with the oldest message")
    func deletion() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        for sync in [MQServer.SyncPolicy.always, .never] {
            try await withServer({
                $0.dataDirectory = directory.path
                $0.sync = sync
            }) { server in
                let peer = try RawPeer(port: server.port)
                try publish(3, to: peer)
                #expect(
                    members(try peer.ask(#"{"type":"delete_position","subscriber_id":"s"}"#))["code"] as? String
                        == "unknown_position")
                #expect(members(try peer.ask(#"{"type":"delete_position"}"#))["code"] as? String == "invalid_frame")
                _ = try peer.ask(#"{"type":"ack","subscriber_id":"s","offset":1}"#)
                do {
                    let reader = try RawPeer(port: server.port)
                    _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":"latest"}"#)
                    #expect(
                        members(try peer.ask(#"{"type":"delete_position","subscriber_id":"s"}"#))["code"] as? String
                            == "position_in_use")
                    _ = try reader.ask(#"{"type":"unsubscribe"}"#)
                    let answer = members(
                        try peer.ask(#"{"type":"delete_position","subscriber_id":"s","request_id":3}"#))
                    #expect(answer["success"] as? Bool == true && answer["request_id"] as? Int == 3)
                }
                #expect(try positions(peer).isEmpty)
            }
            try await withServer({ $0.dataDirectory = directory.path }) { server in
                let reader = try RawPeer(port: server.port)
                #expect(
                    members(try reader.ask(#"{"type":"subscribe","subscriber_id":"s","offset":"committed"}"#))["offset"]
                        as? Int == 0)
            }
        }
    }

    @Test(
        "a position that nobody uses is forgotten, reported and counted; one whose subscriber is connected stays without a commit"
    )
    func expiry() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let events = Mutex<[String]>([])
        var reader: RawPeer?
        try await withServer({
            $0.dataDirectory = directory.path
            $0.httpPort = 0
            $0.positionExpiry = .milliseconds(1500)
            $0.onEvent = { event in events.withLock { $0.append("\(event)") } }
        }) { server in
            let peer = try RawPeer(port: server.port)
            try publish(2, to: peer)
            reader = try RawPeer(port: server.port)
            _ = try reader?.ask(#"{"type":"subscribe","subscriber_id":"there","offset":"latest"}"#)
            for id in ["gone", "there"] { _ = try peer.ask(#"{"type":"ack","subscriber_id":"\#(id)","offset":0}"#) }
            while try positions(peer)["gone"] != nil {}
            #expect(try positions(peer).keys.sorted() == ["there"])
            #expect(events.withLock { $0.contains { $0.contains("gone") && !$0.contains("there") } })
            #expect(try metrics(server).contains("telemetry_mq_positions_expired_total 1\n"))
        }
        // It was connected until the server ended.
        #expect(reader?.endsByItself == true)
        let log = try LogInspection(directory: directory.path)
        #expect(log.committedOffsets.map(\.subscriberID) == ["there"] && log.problems == [])
    }

    @Test("what retention takes from a position is counted for it, and survives a restart")
    func takenByRetention() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        func configure(_ configuration: inout MQServer.Configuration) {
            configuration.dataDirectory = directory.path
            configuration.segmentBytes = 2_000
            configuration.retentionBytes = 8_000
        }
        /// Both of one moment: retention may go on between two requests.
        func state(_ peer: RawPeer) throws -> (oldest: Int, skipped: Int) {
            let statistics = try #require(members(try peer.ask(#"{"type":"get_stats"}"#))["payload"] as? [String: Any])
            let position = try #require((statistics["positions"] as? [[String: Any]])?.first)
            return (try #require(statistics["oldest_offset"] as? Int), try #require(position["skipped"] as? Int))
        }
        try await withServer(configure) { server in
            let peer = try RawPeer(port: server.port)
            try publish(1, to: peer)
            _ = try peer.ask(#"{"type":"ack","subscriber_id":"slow","offset":0}"#)
            try publish(400, to: peer)
            var found = try state(peer)
            while found.oldest <= 1 { found = try state(peer) }
            #expect(found.skipped == found.oldest - 1)
        }
        try await withServer(configure) { server in
            let found = try state(RawPeer(port: server.port))
            #expect(found.skipped == found.oldest - 1 && found.skipped > 0)
        }
    }

    @Test("a client lists, sets and deletes positions, over a server that is restarted, and a closed one does not wait")
    func client() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let port = try freePort()
        var server = try await startTestServer(directory, port: port, token: "t")
        var settings = quickConfiguration(port)
        settings.token = "t"
        let client = try MQClient(configuration: settings)
        _ = try await client.publish(["1", "2", "3"].map { Array($0.utf8) })
        try await client.setPosition(of: "a \"quoted\" id", to: 1)
        let found = try await client.positions()
        #expect(found.map(\.subscriberID) == ["a \"quoted\" id"])
        #expect(
            found[0].committedOffset == 1 && found[0].lag == 1 && !found[0].isConnected && found[0].skippedMessages == 0
                && found[0].committedAt != nil)
        await #expect { try await client.setPosition(of: "b", to: 3) } throws: {
            ($0 as? MQError)?.code == .rejected(code: "offset_out_of_range")
        }
        await #expect { try await client.deletePosition(of: "b") } throws: {
            ($0 as? MQError)?.code == .rejected(code: "unknown_position")
        }
        await server.shutdown()
        let waiting = Task { try await client.positions() }
        server = try await startTestServer(directory, port: port, token: "t")
        let again = try await waiting.value
        #expect(
            again.map(\.committedOffset) == [1] && again.map(\.logID) == found.map(\.logID)
                && again[0].committedAt == found[0].committedAt)
        try await client.deletePosition(of: "a \"quoted\" id")
        #expect(try await client.positions() == [])
        await server.shutdown()
        let never = Task { try await client.positions() }
        await client.close()
        await #expect { _ = try await never.value } throws: { ($0 as? MQError)?.code == .closed }
        await #expect { _ = try await client.positions() } throws: { ($0 as? MQError)?.code == .closed }
    }
}
