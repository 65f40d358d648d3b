import FaultSupport
import Foundation
import Testing

@Suite("mq-server and more connections than it has descriptors", .timeLimit(.minutes(20)))
struct ConnectionFloodTests {
    static let prlimit = "/usr/bin/prlimit"
    static let isPermitted = FileManager.default.isExecutableFile(atPath: prlimit)

    @Test(
        "clients that are connected are served on, the log grows new files, and new clients are served when there is room",
        .enabled(if: isPermitted, "there is no /usr/bin/prlimit"),
        arguments: ["always", "interval:10ms"])
    func flood(sync: String) async throws {
        try await Stage.run { stage in
            let settings = ["MQ_DATA_DIR": stage.path("log"), "MQ_SYNC": sync, "MQ_SEGMENT_BYTES": "4KiB"]
            let queue = try await stage.startQueue(settings, under: [Self.prlimit, "--nofile=80:80", "--"])
            let publisher = try RawPeer(port: queue.port)
            let reader = try RawPeer(port: queue.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
            var offset = 0
            func exchange(_ count: Int) throws {
                for _ in 0..<count {
                    let answer = members(
                        try publisher.ask(#"{"type":"publish","payload":"\#(String(repeating: "x", count: 200))"}"#))
                    try #require(answer["offset"] as? Int == offset, "\(answer)")
                    try #require(members(try reader.receive())["offset"] as? Int == offset)
                    offset += 1
                }
                let commit = members(try publisher.ask(#"{"type":"ack","subscriber_id":"r","offset":\#(offset - 1)}"#))
                #expect(commit["success"] as? Bool == true, "\(commit)")
            }
            try exchange(5)
            for areQuiet in [true, false] {
                var flood: [RawPeer] = []
                var last: String?
                for _ in 0..<200 {
                    let peer = try RawPeer(port: queue.port)
                    flood.append(peer)
                    // A client that has made a request keeps its connection.
                    if !areQuiet { last = try? peer.ask(#"{"type":"ping"}"#) }
                }
                // Some are refused; the clients that were connected before notice nothing. New segments begin meanwhile.
                try exchange(100)
                if areQuiet {
                    // A client that has requested nothing gives way to later ones.
                    if let text = try? flood.first?.receive() {
                        #expect(text.contains("too_many_connections"), "\(text)")
                    }
                    #expect(try flood.last?.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#)
                } else if let last {
                    // Otherwise later clients are refused with the reason, or closed.
                    #expect(last.contains("too_many_connections"), "\(last)")
                }
                try exchange(10)
                flood.removeAll()
                try await eventuallyTrue("service for a new client", unless: queue.process) {
                    let new = try RawPeer(port: queue.port)
                    return try new.ask(#"{"type":"ping"}"#) == #"{"type":"pong"}"#
                }
            }
            #expect(try publisher.ask(#"{"type":"get_stats"}"#).contains(#""storage_failed":false"#))
            #expect(await queue.process.terminate() == 0)
        }
    }

    @Test(
        "a flood of the HTTP port, which leaves no descriptor, ends no writing",
        .enabled(if: isPermitted, "there is no /usr/bin/prlimit"))
    func httpFlood() async throws {
        try await Stage.run { stage in
            let settings = ["MQ_DATA_DIR": stage.path("log"), "MQ_SYNC": "always", "MQ_SEGMENT_BYTES": "4KiB"]
            let queue = try await stage.startQueue(settings, under: [Self.prlimit, "--nofile=80:80", "--"])
            let publisher = try RawPeer(port: queue.port)
            // Who has asked for nothing would give way.
            _ = try publisher.ask(#"{"type":"ping"}"#)
            var flood: [RawPeer] = []
            for _ in 0..<200 { flood.append(try RawPeer(port: queue.httpPort)) }
            var stored = 0
            for _ in 0..<100 {
                let answer = members(
                    try publisher.ask(#"{"type":"publish","payload":"\#(String(repeating: "x", count: 200))"}"#))
                if answer["success"] as? Bool == true {
                    stored += 1
                } else {
                    try #require(answer["code"] as? String == "storage_full", "\(answer)")
                }
            }
            flood.removeAll()
            try await eventuallyTrue("room for a new segment", unless: queue.process) {
                for _ in 0..<30 {
                    let answer = members(
                        try publisher.ask(#"{"type":"publish","payload":"\#(String(repeating: "x", count: 200))"}"#))
                    guard answer["success"] as? Bool == true else { return false }
                    stored += 1
                }
                return true
            }
            try await eventuallyTrue("health", unless: queue.process) {
                try await HTTP.get(queue.httpPort, "/health").status == 200
            }
            let reader = try RawPeer(port: queue.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
            for offset in 0..<stored { try #require(members(try reader.receive())["offset"] as? Int == offset) }
            #expect(await queue.process.terminate() == 0)
        }
    }
}
