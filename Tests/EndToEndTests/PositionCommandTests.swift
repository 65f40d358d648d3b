import FaultSupport
import Foundation
import Testing

@Suite("mq-server positions, with the real program", .timeLimit(.minutes(20)))
struct PositionCommandTests {
    private func run(
        _ stage: Stage, _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> (code: Int32, output: String, errors: String) {
        let command = try stage.start(.mqServer, environment, arguments: arguments)
        let code = await command.endedOrKilled()
        return (code, command.output, command.errors)
    }

    private func rows(_ output: String) -> [[String]] {
        output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    @Test(
        "positions are listed, set and deleted, with the token, and what is refused is an error with the server's words"
    )
    func command() async throws {
        try await Stage.run { stage in
            let token = ["MQ_TOKEN": "secret"]
            let queue = try await stage.startQueue(["MQ_DATA_DIR": stage.path("log")].merging(token) { $1 })
            let server = "127.0.0.1:\(queue.port)"
            let peer = try RawPeer(port: queue.port)
            _ = try peer.ask(#"{"type":"hello","token":"secret"}"#)
            for n in 0..<5 { _ = try peer.ask(#"{"type":"publish","payload":\#(n)}"#) }
            _ = try peer.ask(#"{"type":"ack","subscriber_id":"billing","offset":1}"#)
            _ = try peer.ask(#"{"type":"ack","subscriber_id":"tab\tand\nline","offset":4}"#)

            var listed = try await run(stage, "positions", server, environment: token)
            var table = rows(listed.output)
            #expect(listed.code == 0 && table.count == 3, "\(listed)")
            #expect(
                table[0].joined(separator: " ") == "COMMITTED LAG LAG SECONDS SKIPPED CONNECTED LAST COMMIT SUBSCRIBER")
            #expect(table[1].prefix(2) == ["1", "3"] && table[1].last == "billing" && table[1].contains("no"))
            #expect(table[2].prefix(3) == ["4", "0", "0.0"])

            let set = try await run(stage, "positions", server, "set", "billing", "3", environment: token)
            #expect(set.code == 0 && set.output.contains("billing") && set.output.contains("3"))
            _ = try peer.ask(#"{"type":"subscribe","subscriber_id":"billing","offset":"committed"}"#)
            _ = try peer.receive()
            listed = try await run(stage, "positions", server, environment: token)
            table = rows(listed.output)
            #expect(table[1].prefix(2) == ["3", "1"] && table[1].contains("yes"))

            let inUse = try await run(stage, "positions", server, "delete", "billing", environment: token)
            #expect(inUse.code == 1 && inUse.errors.contains("billing is connected"))
            let unknown = try await run(stage, "positions", server, "delete", "nobody", environment: token)
            #expect(unknown.code == 1 && unknown.errors.contains("nobody"))
            let beyond = try await run(
                stage, "positions", server, "set", "billing", "9223372036854775807", environment: token)
            #expect(beyond.code == 1 && beyond.errors.contains("9223372036854775807") && beyond.errors.contains("5"))
            let deleted = try await run(stage, "positions", server, "delete", "tab\tand\nline", environment: token)
            #expect(deleted.code == 0)
            listed = try await run(stage, "positions", server, environment: token)
            #expect(rows(listed.output).count == 2)
            let refused = try await run(stage, "positions", server)
            #expect(refused.code == 1 && refused.errors.contains(server) && refused.output.isEmpty)
        }
    }

    @Test("what is wrong with the arguments is reported with them, and a server that is not there is not waited for")
    func wrong() async throws {
        try await Stage.run { stage in
            for (arguments, code, words) in [
                (["positions"], 64, "positions takes other arguments"),
                (["positions", "nowhere"], 64, "positions nowhere: expected HOST:PORT"),
                (["positions", "localhost:1", "set", "a"], 64, "positions takes other arguments"),
                (["positions", "localhost:1", "set", "a", "-1"], 64, "expected the offset"),
                (["positions", "localhost:1", "set", "a", "latest"], 64, "expected the offset"),
                (["positions", "localhost:1", "drop", "a"], 64, "positions takes other arguments"),
                (["positions", "127.0.0.1:1"], 1, "127.0.0.1:1"),
            ] as [([String], Int32, String)] {
                let command = try stage.start(.mqServer, arguments: arguments)
                #expect(await command.endedOrKilled() == code, "\(arguments)")
                #expect(command.errors.contains(words) && command.output.isEmpty, "\(arguments): \(command.errors)")
            }
        }
    }

    @Test("the limit of positions and their expiry are settings; what they do is logged")
    func settings() async throws {
        try await Stage.run { stage in
            let bounded = try await stage.startQueue(["MQ_MAX_POSITIONS": "2"])
            let peer = try RawPeer(port: bounded.port)
            _ = try peer.ask(#"{"type":"publish","payload":1}"#)
            for id in ["a", "b"] {
                #expect(!(try peer.ask(#"{"type":"ack","subscriber_id":"\#(id)","offset":0}"#)).contains("error"))
            }
            #expect(try peer.ask(#"{"type":"ack","subscriber_id":"c","offset":0}"#).contains("too_many_positions"))
            #expect(
                bounded.process.logged.contains { ($0["message"] as? String)?.contains("new subscriber ids") == true })

            let expiring = try await stage.startQueue(["MQ_POSITION_EXPIRY": "1s"])
            let other = try RawPeer(port: expiring.port)
            _ = try other.ask(#"{"type":"publish","payload":1}"#)
            #expect(!(try other.ask(#"{"type":"ack","subscriber_id":"a","offset":0}"#)).contains("error"))
            try await eventuallyTrue("expiry", unless: expiring.process) {
                try other.ask(#"{"type":"list_positions"}"#).contains(#""positions":[]"#)
            }
            #expect(
                expiring.process.logged.contains {
                    ($0["message"] as? String)?.contains("forgot the positions") == true
                })
        }
    }

    @Test("verify calls a directory with a position beyond its end unsound, and serving it repairs that")
    func verify() async throws {
        try await Stage.run { stage in
            let log = stage.path("log")
            var queue = try await stage.startQueue(["MQ_DATA_DIR": log])
            var peer = try RawPeer(port: queue.port)
            for n in 0..<5 { _ = try peer.ask(#"{"type":"publish","payload":\#(n)}"#) }
            let id = try #require(members(try peer.ask(#"{"type":"hello"}"#))["log_id"] as? String)
            #expect(await queue.process.terminate() == 0)
            var verified = try await run(stage, "verify", log)
            #expect(verified.code == 0 && verified.output.contains("log_id \(id)"))
            #expect(try await run(stage, "inspect", log).output.contains("log_id \(id)"))

            // As an older version stored it; its checksum is of the bytes before.
            let line = #"{"subscriber_id":"collector","offset":9223372036854775807,"crc32c":"e3117d7c"}"# + "\n"
            try line.write(toFile: log + "/positions.journal", atomically: true, encoding: .utf8)
            verified = try await run(stage, "verify", log)
            #expect(
                verified.code == 1 && verified.output.contains("position of collector")
                    && verified.output.hasSuffix("1 problems\n"))
            queue = try await stage.startQueue(["MQ_DATA_DIR": log])
            #expect(
                queue.process.logged.contains { ($0["message"] as? String)?.contains("position of collector") == true })
            peer = try RawPeer(port: queue.port)
            #expect(
                members(try peer.ask(#"{"type":"subscribe","subscriber_id":"collector","offset":"committed"}"#))[
                    "offset"] as? Int == 0)
            #expect(await queue.process.terminate() == 0)
            #expect(try await run(stage, "verify", log).code == 0)
        }
    }
}
