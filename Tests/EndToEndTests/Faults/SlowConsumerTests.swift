import FaultSupport
import Foundation
import Testing

@Suite("mq-server and consumers that do not read", .timeLimit(.minutes(30)))
struct SlowConsumerTests {
    /// Messages of 64 KiB: 1 GiB in the long form, else far more than sockets hold.
    static let count = CrashTests.isLong ? 16_000 : 3000

    /// Resident memory in KiB.
    private func residentMemory(_ process: ChildProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.split(separator: " ")[1]))
    }

    /// Reads so many messages, which must come in order, on a thread of its own.
    private func readAll(_ port: Int, _ id: String) async throws {
        let count = Self.count
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let reader = try RawPeer(port: port, receiveTimeout: 120)
                        _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"\#(id)","offset":0}"#)
                        for offset in 0..<count { try expectMessage(reader, offset) }
                    })
            }
        }
    }

    private func expectMessage(_ reader: RawPeer, _ offset: Int) throws {
        let frame = try reader.receiveFrame()
        // Parsing all of a large message is not what is tested here.
        let head = String(decoding: frame.dropFirst(4).prefix(80), as: UTF8.self)
        guard head.hasPrefix(#"{"type":"message","message_id":"\#(offset)","offset":\#(offset),"#) else {
            throw StageError("\(head) came where message \(offset) is due")
        }
    }

    @Test(
        "a consumer that is stopped and one that never reads cost no memory; the others get everything, and so do these when they read"
    )
    func slow() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue(["MQ_DATA_DIR": stage.path("log"), "MQ_SEGMENT_BYTES": "16MiB"])
            let stopped = try stage.start(.mqServer, arguments: ["tail", "127.0.0.1:\(queue.port)", "earliest"])
            let publisher = try RawPeer(port: queue.port)
            try await eventuallyTrue("subscription of the tail", unless: stopped) {
                try publisher.ask(#"{"type":"get_stats"}"#).contains(#""subscriber_count":1"#)
            }
            stopped.send(SIGSTOP)
            let never = try RawPeer(port: queue.port)
            _ = try never.ask(#"{"type":"subscribe","subscriber_id":"never","offset":0}"#)
            async let first: Void = readAll(queue.port, "first")
            async let second: Void = readAll(queue.port, "second")

            let frame = RawPeer.frame(#"{"type":"publish","payload":"\#(String(repeating: "x", count: 65_536))"}"#)
            var settled = 0
            var peak = 0
            for n in 0..<Self.count {
                try publisher.sendBytes(frame)
                let answer = members(try publisher.receive())
                try #require(answer["offset"] as? Int == n)
                // By then every buffer has been used.
                if n == 200 { settled = try residentMemory(queue.process) }
                await Task.yield()
                if n > 200, n % 50 == 0 { peak = max(peak, try residentMemory(queue.process)) }
            }
            try await first
            try await second
            peak = max(peak, try residentMemory(queue.process))
            #expect(peak - settled < 8 * 1024, "resident: \(settled) KiB after 200 messages, \(peak) KiB at most")
            #expect(peak < 64 * 1024)

            for offset in 0..<Self.count {
                try expectMessage(never, offset)
                await Task.yield()
            }
            stopped.send(SIGCONT)
            try await eventuallyTrue("last message at the tail", within: .seconds(120), unless: stopped) {
                let output = try FileHandle(forReadingFrom: URL(filePath: stopped.outputPath))
                defer { try? output.close() }
                let end = try output.seekToEnd()
                try output.seek(toOffset: end - min(end, 65_700))
                return String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self).contains(
                    "\n\(Self.count - 1)\t")
            }
        }
    }
}
