import FaultSupport
import Foundation
import Synchronization
import Testing

@testable import TelemetryMQServer

/// A clock that a test sets.
final class FakeClock: Sendable {
    private let state: Mutex<(wall: Int64, elapsed: Int64)>

    init(_ seconds: Int64) { state = Mutex((seconds * 1_000_000, 0)) }

    /// Both go on.
    func pass(_ seconds: Int64) {
        state.withLock { $0 = ($0.wall + seconds * 1_000_000, $0.elapsed + seconds * 1_000_000) }
    }

    /// Somebody sets it.
    func set(_ seconds: Int64) { state.withLock { $0.wall = seconds * 1_000_000 } }

    var clock: ServerClock {
        ServerClock(
            wall: { [self] in state.withLock { $0.wall } }, elapsed: { [self] in state.withLock { $0.elapsed } })
    }
}

@Suite("A clock that jumps", .timeLimit(.minutes(20)))
struct ClockTests {
    static let now: Int64 = 1_700_000_000
    static let decade: Int64 = 10 * 365 * 86400

    private final class Events: Sendable {
        private let held = Mutex<[MQServer.Event]>([])
        func add(_ event: MQServer.Event) { held.withLock { $0.append(event) } }
        var clock: [String] {
            held.withLock { $0 }.compactMap { event in
                switch event {
                case .clockDiffers(let text): text
                case .clockCaughtUp: "caught up"
                default: nil
                }
            }
        }
    }

    private func withServer(
        _ directory: FaultDirectory, _ clock: FakeClock, _ change: (inout MQServer.Configuration) -> Void = { _ in },
        _ body: (MQServer, Events) async throws -> Void
    ) async throws {
        let events = Events()
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = 0
        configuration.segmentBytes = 500
        configuration.clock = clock.clock
        configuration.onEvent = { events.add($0) }
        change(&configuration)
        let server = try await MQServer(configuration: configuration) { directory }
        var failure: (any Error)?
        do { try await body(server, events) } catch { failure = error }
        await server.shutdown(within: .zero)
        if let failure { throw failure }
    }

    private func publish(_ peer: RawPeer, _ numbers: Range<Int>) throws {
        for n in numbers {
            let response = members(try peer.ask(#"{"type":"publish","payload":\#(n)}"#))
            try #require(response["offset"] as? Int == n)
        }
    }

    private func times(_ server: MQServer, _ count: Int) throws -> [Int64] {
        let reader = try RawPeer(port: server.port)
        _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"times","offset":0}"#)
        return try (0..<count).map { n in
            let message = members(try reader.receive())
            #expect(message["offset"] as? Int == n)
            return try #require(message["timestamp"] as? Int64)
        }
    }

    private func seek(_ server: MQServer, _ second: Int64) throws -> Int? {
        let seeker = try RawPeer(port: server.port)
        return members(try seeker.ask(#"{"type":"subscribe","subscriber_id":"t","timestamp":\#(second * 1_000_000)}"#))[
            "offset"] as? Int
    }

    private func http(_ server: MQServer, _ path: String) throws -> String {
        let peer = try RawPeer(port: try #require(server.httpPort))
        try peer.sendBytes(Array("GET \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8))
        return String(decoding: try peer.receiveAll(), as: UTF8.self)
    }

    @Test(
        "a message ten years ahead is warned of at once; those after it have the right time, and seeks and retention are as before"
    )
    func ahead() async throws {
        let clock = FakeClock(Self.now)
        let directory = FaultDirectory()
        try await withServer(directory, clock) { server, events in
            let peer = try RawPeer(port: server.port)
            try publish(peer, 0..<5)
            clock.set(Self.now + Self.decade)
            try publish(peer, 5..<6)
            clock.set(Self.now + 10)
            try publish(peer, 6..<7)
            // At the first message: the warning does not wait for a timer. Whether the step shows by itself is up to
            // the timer.
            #expect(events.clock.contains { $0.contains("\(Self.decade - 10) seconds ahead") })
            #expect(try http(server, "/metrics").contains("telemetry_mq_clock_ahead_seconds \(Self.decade - 10)"))
            let ready = try http(server, "/ready")
            #expect(ready.hasPrefix("HTTP/1.1 200") && ready.contains("seconds ahead of this clock"))
            clock.pass(10)
            try publish(peer, 7..<10)

            let seconds = try times(server, 10).map { $0 / 1_000_000 - Self.now }
            #expect(seconds == [0, 0, 0, 0, 0, Self.decade, 10, 20, 20, 20])
            for (second, offset) in [(0, 0), (1, 6), (10, 6), (11, 7), (20, 7), (21, 10), (Self.decade, 10)]
                as [(Int64, Int)]
            {
                #expect(try seek(server, Self.now + second) == offset, "\(second)")
            }
            clock.pass(40)
            try publish(peer, 10..<13)
        }
        // Opened again, the log is as it was, and retention drops what is old, the message that is ahead among them.
        clock.pass(100)
        let next = directory.afterProcessEnd()
        try await withServer(next, clock, { $0.retentionAge = .seconds(110) }) { server, events in
            let oldest = try #require(try seek(server, 0))
            #expect(7...10 ~= oldest)
            #expect(try seek(server, Self.now + 60) == 10)
            #expect(try http(server, "/metrics").contains("telemetry_mq_clock_ahead_seconds 0\n"))
            #expect(events.clock == [])
        }
    }

    @Test("a clock that is set back by an hour gives times that decrease; the order is that of the offsets")
    func back() async throws {
        let clock = FakeClock(Self.now)
        try await withServer(FaultDirectory(), clock) { server, events in
            let peer = try RawPeer(port: server.port)
            try publish(peer, 0..<4)
            clock.set(Self.now - 3600)
            try publish(peer, 4..<8)
            #expect(events.clock.contains { $0.contains("3600 seconds ahead") })
            let seconds = try times(server, 8).map { $0 / 1_000_000 - Self.now }
            #expect(seconds == [0, 0, 0, 0, -3600, -3600, -3600, -3600])
            // By the clock's word the first four are in the future, until it gets there.
            #expect(try seek(server, Self.now - 4000) == 4)
            #expect(try seek(server, Self.now - 3600) == 4)
            #expect(try seek(server, Self.now - 3599) == 8)
            clock.pass(3600)
            try publish(peer, 8..<9)
            #expect(try seek(server, Self.now - 4000) == 0)
            #expect(try seek(server, Self.now) == 0)
            #expect(try seek(server, Self.now + 1) == 9)
        }
    }

    @Test("a small step back, and many messages of one time, leave the times in order")
    func small() async throws {
        let clock = FakeClock(Self.now)
        try await withServer(FaultDirectory(), clock) { server, events in
            let peer = try RawPeer(port: server.port)
            try publish(peer, 0..<4)
            clock.set(Self.now - 1)
            try publish(peer, 4..<8)
            clock.set(Self.now + 1)
            try publish(peer, 8..<12)
            let seconds = try times(server, 12).map { $0 / 1_000_000 - Self.now }
            #expect(seconds == [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
            #expect(try seek(server, Self.now) == 0)
            #expect(try seek(server, Self.now + 1) == 8)
            #expect(!events.clock.contains { $0.contains("ahead") })
        }
    }

    @Test("a server whose clock is behind its log, as after a restart, says so before the first message")
    func atStart() async throws {
        let clock = FakeClock(Self.now)
        let directory = FaultDirectory()
        try await withServer(directory, clock) { server, _ in try publish(try RawPeer(port: server.port), 0..<9) }
        clock.set(Self.now - 86400)
        try await withServer(directory.afterProcessEnd(), clock, { $0.retentionAge = .seconds(60) }) { server, events in
            #expect(events.clock.contains { $0.contains("86400 seconds ahead") })
            // Nothing is dropped for a clock that nobody can believe.
            let kept = try times(server, 9)
            #expect(kept.count == 9)
        }
    }
}
