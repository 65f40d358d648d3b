import FaultSupport
import Foundation
import Testing

@Suite("Commands that look at a log", .timeLimit(.minutes(20)))
struct LogCommandTests {
    /// A log of five messages, of which `billing` has committed four, and its server.
    private func startQueue(_ stage: Stage, _ environment: [String: String] = [:]) async throws -> Stage.Queue {
        let queue = try await stage.startQueue(["MQ_DATA_DIR": stage.path("log")].merging(environment) { $1 })
        let peer = try RawPeer(port: queue.port)
        if let token = environment["MQ_TOKEN"] { _ = try peer.ask(#"{"type":"hello","token":"\#(token)"}"#) }
        for n in 0..<5 {
            #expect(members(try peer.ask(#"{"type":"publish","payload":{"order":\#(n)}}"#))["offset"] as? Int == n)
        }
        let answer = members(try peer.ask(#"{"type":"ack","request_id":7,"subscriber_id":"billing","offset":3}"#))
        #expect(answer["request_id"] as? Int == 7 && answer["type"] as? String != "error")
        return queue
    }

    private func run(
        _ stage: Stage, _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> (code: Int32, output: String, errors: String) {
        let command = try stage.start(.mqServer, environment, arguments: arguments)
        let code = await command.endedOrKilled()
        return (code, command.output, command.errors)
    }

    @Test(
        "a sound log is said to be sound, with its segments and positions, also while it is served; a damaged one with file and place"
    )
    func verifyAndInspect() async throws {
        try await Stage.run { stage in
            let queue = try await startQueue(stage)
            let log = stage.path("log")
            for isServed in [true, false] {
                if !isServed { #expect(await queue.process.terminate() == 0) }
                let verified = try await run(stage, "verify", log)
                #expect(
                    verified.code == 0 && verified.output.hasPrefix("\(log): 1 segments, 5 sound messages, ")
                        && verified.output.hasSuffix("sound\n"))
                let inspected = try await run(stage, "inspect", log)
                let lines = inspected.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
                #expect(inspected.code == 0 && lines.count >= 3)
                #expect(lines[0] == ["first", "last", "messages", "bytes", "index", "from", "to"])
                #expect(lines[1].prefix(3) == ["0", "4", "5"])
                let times = lines[1].suffix(2).map {
                    try? Date($0, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
                }
                #expect(times.allSatisfy { $0.map { abs($0.timeIntervalSinceNow) < 3600 } == true })
                #expect(inspected.output.contains("committed: billing is done with 3\n"))
                #expect(!(verified.output + inspected.output).contains("damaged"))
            }

            let name = try #require(FileManager.default.contentsOfDirectory(atPath: log).first { $0.hasSuffix(".log") })
            var bytes = try Data(contentsOf: URL(filePath: log + "/" + name))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(filePath: log + "/" + name))
            let verified = try await run(stage, "verify", log)
            #expect(
                verified.code == 1 && verified.output.contains("damaged: ") && verified.output.contains(name)
                    && verified.output.hasSuffix("problems\n"))
            let inspected = try await run(stage, "inspect", log)
            #expect(inspected.code == 0 && inspected.output.contains("damaged: ") && inspected.output.contains(name))
        }
    }

    @Test(
        "tail prints offset, time and payload of each message from where it is told, and those that come",
        arguments: [
            ("earliest", 0), ("3", 3), ("10m", 0), ("latest", 5),
        ])
    func tail(from: String, first: Int) async throws {
        try await Stage.run { stage in
            let queue = try await startQueue(stage, ["MQ_TOKEN": "secret"])
            let tail = try stage.start(
                .mqServer, ["MQ_TOKEN": "secret"], arguments: ["tail", "127.0.0.1:\(queue.port)", from])
            let publisher = try RawPeer(port: queue.port)
            _ = try publisher.ask(#"{"type":"hello","token":"secret"}"#)
            try await eventuallyTrue("subscription of the tail", unless: tail) {
                try publisher.ask(#"{"type":"get_stats"}"#).contains(#""subscriber_count":1"#)
            }
            for n in 5..<8 { _ = try publisher.ask(#"{"type":"publish","payload":{"order":\#(n)}}"#) }
            let lines = try await eventually("messages", unless: tail) {
                let lines = tail.output.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
                return lines.last?.last == #"{"order":7}"# ? lines : nil
            }
            #expect(lines.map { $0[0] } == (first..<8).map(String.init))
            #expect(lines.map { $0[2] } == (first..<8).map { #"{"order":\#($0)}"# })
            #expect(
                lines.allSatisfy {
                    $0.count == 3 && $0[1].wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil
                })
        }
    }

    @Test("tail waits for a server that is away, and says for how long in a readable form")
    func tailRetries() async throws {
        try await Stage.run { stage in
            let tail = try stage.start(.mqServer, arguments: ["tail", "127.0.0.1:\(try freePort())"])
            let lines = try await eventually("attempts", unless: tail) {
                let lines = tail.errors.split(separator: "\n")
                return lines.count >= 3 ? lines.map(String.init) : nil
            }
            #expect(lines.allSatisfy { $0.contains(/; next attempt in (\d+ms|\d+(\.\d\d?)?s)$/) }, "\(lines)")
        }
    }

    @Test("what is wrong with a command is told with its argument")
    func wrong() async throws {
        try await Stage.run { stage in
            let none = stage.path("none")
            for (arguments, code, words) in [
                (["verify"], 64, "verify takes other arguments"),
                (["inspect", none, none], 64, "inspect takes other arguments"),
                (["tail", "nowhere"], 64, "tail nowhere: expected HOST:PORT"),
                (["tail", "localhost:0"], 64, "expected HOST:PORT"),
                (["tail", "localhost:1", "soon"], 64, "tail from soon: expected earliest"),
                (["verify", none], 1, none), (["inspect", none], 1, none),
            ] as [([String], Int32, String)] {
                let command = try stage.start(.mqServer, arguments: arguments)
                #expect(await command.endedOrKilled() == code)
                #expect(command.errors.contains(words) && command.output.isEmpty, "\(arguments): \(command.errors)")
            }
            let help = try await run(stage, "tail", "--help")
            #expect(help.code == 0 && help.output.contains("tail HOST:PORT [FROM]") && help.errors.isEmpty)
            let queue = try await startQueue(stage, ["MQ_TOKEN": "secret"])
            let refused = try await run(stage, "tail", "127.0.0.1:\(queue.port)", environment: ["MQ_TOKEN": "other"])
            #expect(refused.code == 1 && refused.errors.contains("127.0.0.1:\(queue.port)"))
        }
    }
}
