import FaultSupport
import Foundation
import Synchronization
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("What a server tells of a full device, and of a log that is being opened", .timeLimit(.minutes(20)))
struct FullStorageTests {
    private final class Events: Sendable {
        let held = Mutex<[String]>([])
        func add(_ event: MQServer.Event) { held.withLock { $0.append("\(event)") } }
        func count(_ text: String) -> Int { held.withLock { $0.count { $0.contains(text) } } }
    }

    private func http(_ port: Int, _ path: String) throws -> String {
        let peer = try RawPeer(port: port)
        try peer.sendBytes(Array("GET \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8))
        return String(decoding: try peer.receiveAll(), as: UTF8.self)
    }

    private func eventually(_ condition: () throws -> Bool) async throws -> Bool {
        for _ in 0..<6000 {
            if try condition() { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test(
        "while there is no room /ready is 503 with the reason, /health is not, and it is reported once; room is found without a publish"
    )
    func full() async throws {
        let (directory, events) = (FaultDirectory(), Events())
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = 0
        configuration.segmentBytes = 700
        configuration.onEvent = { events.add($0) }
        let server = try await MQServer(configuration: configuration) { directory }
        let port = try #require(server.httpPort)
        let peer = try RawPeer(port: server.port)
        func publish(_ n: Int) throws -> [String: Any] { members(try peer.ask(#"{"type":"publish","payload":\#(n)}"#)) }
        for n in 0..<10 { #expect(try publish(n)["offset"] as? Int == n) }
        #expect(try http(port, "/ready").hasPrefix("HTTP/1.1 200"))
        #expect(try http(port, "/metrics").contains("telemetry_mq_storage_full 0\n"))

        // Less than a message: that there is room for a byte proves nothing.
        directory.smallestRefused = 100
        for n in 0..<25 { #expect(try publish(n)["code"] as? String == "storage_full") }
        let ready = try http(port, "/ready")
        #expect(ready.hasPrefix("HTTP/1.1 503") && ready.contains(#""name":"storage","ready":false"#))
        #expect(ready.contains("No space left on device") && ready.contains("25 messages so far"))
        #expect(try http(port, "/health").hasPrefix("HTTP/1.1 200"))
        let metrics = try http(port, "/metrics")
        #expect(
            metrics.contains("telemetry_mq_storage_full 1\n")
                && metrics.contains("telemetry_mq_refused_messages_total 25\n"))
        #expect(metrics.contains(#"telemetry_mq_errors_total{code="storage_full"} 25"#))
        #expect(events.count("publishes are refused until there is room") == 1)

        // However often room is looked for.
        let failed = directory.refusedWrites
        #expect(try await eventually { directory.refusedWrites >= failed + 3 })
        #expect(try http(port, "/ready").hasPrefix("HTTP/1.1 503") && events.count("stored again") == 0)

        directory.smallestRefused = .max
        #expect(try await eventually { try http(port, "/ready").hasPrefix("HTTP/1.1 200") })
        #expect(events.count("25 messages were refused") == 1)
        for n in 10..<30 { #expect(try publish(n)["offset"] as? Int == n) }
        let reader = try RawPeer(port: server.port)
        _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"r","offset":0}"#)
        for n in 0..<30 { #expect(members(try reader.receive())["offset"] as? Int == n) }
        await server.shutdown(within: .zero)
        // The search for room has left nothing behind.
        let log = try MessageLog(directory: directory.afterProcessEnd())
        #expect(log.recovery.cutTail == nil && log.nextOffset == 30)
    }

    @Test("after a failed write /ready and /health are 503 until a restart")
    func failed() async throws {
        let directory = FaultDirectory(fault: .init(kinds: [.write], number: 2, code: EIO))
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = 0
        let server = try await MQServer(configuration: configuration) { directory }
        let port = try #require(server.httpPort)
        let peer = try RawPeer(port: server.port)
        for _ in 0..<3 { _ = try peer.ask(#"{"type":"publish","payload":1}"#) }
        let ready = try http(port, "/ready")
        #expect(ready.hasPrefix("HTTP/1.1 503") && ready.contains("the log accepts no more writes"))
        #expect(try http(port, "/health").hasPrefix("HTTP/1.1 503"))
        #expect(try http(port, "/metrics").contains("telemetry_mq_storage_full 0\n"))
        await server.shutdown(within: .zero)
    }

    @Test("while the log is being opened /health is 200 and /ready 503 with the reason; then clients are let in")
    func opening() async throws {
        let directory = FaultDirectory()
        let gate = Gate()
        gate.close()
        var configuration = MQServer.Configuration()
        configuration.port = try freePort()
        configuration.httpPort = try freePort()
        let settings = configuration
        let starting = Task {
            try await MQServer(configuration: settings) {
                gate.pass()
                return directory
            }
        }
        gate.awaitArrival()
        let port = try #require(settings.httpPort)
        #expect(try http(port, "/health").hasPrefix("HTTP/1.1 200"))
        let ready = try http(port, "/ready")
        #expect(ready.hasPrefix("HTTP/1.1 503") && ready.contains("opening the log"))
        #expect(try http(port, "/stats").hasPrefix("HTTP/1.1 503"))
        #expect(throws: (any Error).self) { try RawPeer(port: settings.port) }
        gate.open()
        let server = try await starting.value
        #expect(try http(port, "/ready").hasPrefix("HTTP/1.1 200"))
        let peer = try RawPeer(port: server.port)
        #expect(members(try peer.ask(#"{"type":"publish","payload":1}"#))["offset"] as? Int == 0)
        await server.shutdown(within: .zero)
    }

    @Test("a segment that retention cannot delete is counted each time and reported once a minute")
    func retention() async throws {
        let (directory, events) = (
            FaultDirectory(fault: .init(kinds: [.remove], number: 1, code: EACCES, isPermanent: true)), Events()
        )
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = 0
        configuration.segmentBytes = 100
        configuration.retentionBytes = 100
        configuration.onEvent = { events.add($0) }
        let server = try await MQServer(configuration: configuration) { directory }
        let port = try #require(server.httpPort)
        let peer = try RawPeer(port: server.port)
        let start = ContinuousClock.now
        for _ in 0..<5 { _ = try peer.ask(#"{"type":"publish","payload":1}"#) }
        // Whatever the time that it takes to look.
        let isCounted = try await eventually {
            try !http(port, "/metrics").contains(#/telemetry_mq_retention_failures_total [0-2]\n/#)
        }
        #expect(isCounted)
        let reports = events.count("retention: remove")
        #expect(reports >= 1 && reports <= 1 + Int((ContinuousClock.now - start) / .seconds(60)))
        await server.shutdown(within: .zero)
    }
}
