import ExampleSupport
import FaultSupport
import Foundation
import Testing

@Suite("Programs whose ports strangers fill", .serialized, .timeLimit(.minutes(20)))
struct StrangerFloodTests {
    /// The most memory that the process has had at a time, in MiB.
    private func peakMemory(_ process: ChildProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(separator: " ")[1])) / 1024
    }

    private func metric(_ port: Int, _ name: String) async throws -> Int {
        let text = String(decoding: try await HTTP.get(port, "/metrics").body, as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "no \(name)")
        return try #require(Int(line.split(separator: " ")[1]))
    }

    /// The first 15 MiB of a frame of 16 MiB, as far as they are taken.
    private func sendMost(_ peer: RawPeer) {
        let length = withUnsafeBytes(of: UInt32(16 << 20).bigEndian) { Array($0) }
        try? peer.sendBytes(
            length + Array(#"{"type":"publish","payload":""#.utf8) + [UInt8](repeating: 0x78, count: 15 << 20))
    }

    @Test(
        "60 connections with most of a large frame each take no memory without the token, and no more than MQ_RECEIVE_BYTES without one",
        arguments: [
            (["MQ_TOKEN": "secret"], 150), (["MQ_RECEIVE_BYTES": "64MiB"], 400),
        ])
    func unfinishedFrames(settings: [String: String], most: Int) async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue(settings)
            let client = try RawPeer(port: queue.port)
            if let token = settings["MQ_TOKEN"] { _ = try client.ask(#"{"type":"hello","token":"\#(token)"}"#) }
            var strangers: [RawPeer] = []
            for n in 0..<60 {
                strangers.append(try RawPeer(port: queue.port))
                sendMost(strangers[n])
                #expect(members(try client.ask(#"{"type":"publish","payload":\#(n)}"#))["offset"] as? Int == n)
            }
            #expect(try await metric(queue.httpPort, "telemetry_mq_held_bytes") <= 64 << 20)
            let peak = try peakMemory(queue.process)
            #expect(peak < most, "\(peak) MiB")
            let code = settings["MQ_TOKEN"] == nil ? "overloaded" : "frame_too_large"
            #expect(try await metric(queue.httpPort, "telemetry_mq_errors_total{code=\"\(code)\"}") > 40)
        }
    }

    @Test("20 connections that stop within a frame are closed, and the log says who they were")
    func stalledFrames() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue(["MQ_FRAME_TIMEOUT": "1s"])
            let strangers = try (0..<20).map { _ in try RawPeer(port: queue.port) }
            for stranger in strangers {
                try stranger.sendBytes([1, 0, 0, 0] + [UInt8](repeating: 0x20, count: 100_000))
            }
            for stranger in strangers { #expect(members(try stranger.receive())["code"] as? String == "frame_timeout") }
            #expect(try await metric(queue.httpPort, "telemetry_mq_held_bytes") == 0)
            #expect(
                queue.process.errors.contains("127.0.0.1:")
                    && queue.process.errors.contains("of a frame, and no more for 1"))
        }
    }

    @Test(
        "mq-server health is 0 while 1,100 connections fill the HTTP port, idle or with half a request",
        arguments: ["", "GET /metrics HT"])
    func health(text: String) async throws {
        raiseDescriptorLimit()
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            var strangers: [RawPeer] = []
            for _ in 0..<1100 {
                strangers.append(try RawPeer(port: queue.httpPort))
                if !text.isEmpty { try? strangers.last?.sendBytes(Array(text.utf8)) }
            }
            for _ in 0..<3 {
                let probe = try stage.start(.mqServer, ["HTTP_PORT": "\(queue.httpPort)"], arguments: ["health"])
                #expect(await probe.endedOrKilled(within: .seconds(20)) == 0, "\(probe.errors)")
            }
            #expect(
                try await metric(queue.httpPort, "telemetry_http_connections_closed_total{reason=\"connection_limit\"}")
                    >= 1100 - 1024)
        }
    }

    @Test(
        "mq-server health is 0 when strangers on the queue's port have taken all descriptors",
        .enabled(if: ConnectionFloodTests.isPermitted, "there is no /usr/bin/prlimit"))
    func descriptors() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue([:], under: [ConnectionFloodTests.prlimit, "--nofile=80:80", "--"])
            var strangers: [RawPeer] = []
            for _ in 0..<200 {
                strangers.append(try RawPeer(port: queue.port))
                _ = try? strangers.last?.ask(#"{"type":"ping"}"#)
            }
            for _ in 0..<200 { strangers.append(try RawPeer(port: queue.httpPort)) }
            let probe = try stage.start(.mqServer, ["HTTP_PORT": "\(queue.httpPort)"], arguments: ["health"])
            #expect(await probe.endedOrKilled(within: .seconds(20)) == 0, "\(probe.errors)")
        }
    }

    @Test("the system looks for the peer of every connection that a program has accepted")
    func keepalive() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let pipe = try PipeEnds()
            let streamer = try stage.startStreamer(
                queue.port, csv: "-", ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0"], input: pipe.reading)
            for port in [queue.port, queue.httpPort, api.port, try await stage.httpPort(streamer)] {
                let peer = try RawPeer(port: port)
                try await eventuallyTrue("a keepalive timer on port \(port)") {
                    // Columns: local and remote address, state (01: established), queues, and the timer that runs (02:
                    // keepalive).
                    let lines = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8).split(separator: "\n")
                        .dropFirst()
                    let own = lines.map { $0.split(separator: " ") }.filter {
                        $0[1].hasSuffix(":" + String(format: "%04X", port)) && $0[3] == "01"
                    }
                    return !own.isEmpty && own.allSatisfy { $0[5].hasPrefix("02:") }
                }
                withExtendedLifetime(peer) {}
            }
        }
    }
}
