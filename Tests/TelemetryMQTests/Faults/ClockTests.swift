import FaultSupport
import Foundation
import Testing

@testable import TelemetryMQ

@Suite("A clock that jumps", .timeLimit(.minutes(20)))
struct ClockTests {
    /// A log whose messages were stored at these times, in microseconds since 1970.
    private func fill(_ directory: TemporaryDirectory, _ times: [Int64]) throws {
        var configuration = MessageLog.Configuration()
        configuration.segmentBytes = 500
        let log = try MessageLog(directory: DiskDirectory(path: directory.path), configuration: configuration)
        for (n, time) in times.enumerated() {
            var batch = AppendBatch(firstOffset: Int64(n))
            Array("\(n)".utf8).withUnsafeBytes { _ = batch.append(payload: $0, timestamp: time) }
            try log.append(batch)
        }
        #expect(log.segments.count > 2)
    }

    @Test(
        "a server whose clock is an hour behind or years ahead of its log goes on with times in order, and finds messages by time",
        arguments: [3600, -10 * 365 * 86400] as [Int64])
    func jump(seconds: Int64) async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let stored = (0..<20).map { (Int64(Date.now.timeIntervalSince1970) + seconds) * 1_000_000 + $0 }
        try fill(directory, stored)

        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.dataDirectory = directory.path
        configuration.segmentBytes = 500
        // The age counts from the newest message where that is ahead of the clock, so nothing is dropped for the jump back.
        if seconds > 0 { configuration.retentionAge = .seconds(1800) }
        let server = try await MQServer(configuration: configuration)
        let peer = try RawPeer(port: server.port)
        for n in 20..<30 { #expect(members(try peer.ask(#"{"type":"publish","payload":\#(n)}"#))["offset"] as? Int == n) }

        let reader = try RawPeer(port: server.port)
        _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
        var times: [Int64] = []
        for n in 0..<30 {
            let message = members(try reader.receive())
            #expect(message["offset"] as? Int == n)
            times.append(try #require(message["timestamp"] as? Int64))
        }
        #expect(Array(times[..<20]) == stored)
        #expect(times == times.sorted())
        for time in [0, stored[0], stored[7], stored[19], times[20], times[29]] {
            let seeker = try RawPeer(port: server.port)
            let first = try #require(times.firstIndex { $0 >= time })
            let answer = members(try seeker.ask(#"{"type":"subscribe","subscriber_id":"t","timestamp":\#(time)}"#))
            #expect(answer["offset"] as? Int == first)
            #expect(members(try seeker.receive())["offset"] as? Int == first)
        }
        await server.shutdown()
    }
}
