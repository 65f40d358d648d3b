import FaultSupport
import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQServer

@Suite("Subscribers that take one id from each other", .timeLimit(.minutes(20)))
struct TakeoverTests {
    private let now = ContinuousClock.now

    @Test("an id may be taken over a few times at once, then once a second, however often it is tried")
    func limit() {
        var limit = TakeoverLimit()
        var allowed = 0
        // Two clients that try a thousand times a second, for a minute.
        for millisecond in 0..<60_000 where limit.take("s", at: now + .milliseconds(millisecond)) == nil {
            allowed += 1
        }
        #expect(allowed == TakeoverLimit.burst + 59)
        let later = now + .seconds(60)
        let wait = limit.take("s", at: later - .milliseconds(1))
        #expect(wait.map { $0 > .zero && $0 <= TakeoverLimit.interval } == true)
        #expect(limit.take("t", at: later) == nil)
        limit.forget(at: later)
        #expect(limit.count == 2)
        // One that comes back now and then, as after a broken connection, is never refused.
        for minute in 0..<100 { #expect(limit.take("s", at: later + .seconds(5 * (minute + 1))) == nil) }
        limit.forget(at: later + .seconds(1000))
        #expect(limit.count == 0)
    }

    @Test("a client waits longer each time an id is taken from it, and not at all once it could keep it")
    func backoff() {
        var takeovers = TakeoverBackoff(Backoff(first: .milliseconds(100), longest: .seconds(5)))
        #expect(takeovers.delay("s", at: now) == .zero)
        var at = now
        var waits: [Duration] = []
        for _ in 0..<20 {
            takeovers.lost("s", at: at)
            waits.append(takeovers.delay("s", at: at))
            at += waits.last!
            #expect(takeovers.delay("s", at: at) == .zero)
        }
        #expect(waits[0] >= .milliseconds(50) && waits[0] <= .milliseconds(100))
        #expect(waits[10...].allSatisfy { $0 >= .seconds(2.5) && $0 <= .seconds(5) })
        #expect(takeovers.delay("other", at: at) == .zero)
        takeovers.lost("s", at: at + .seconds(16))
        #expect(takeovers.delay("s", at: at + .seconds(16)) <= .milliseconds(100))
        for n in 0..<1000 { takeovers.lost("id \(n)", at: at + .seconds(100 * n)) }
        #expect(takeovers.contestedIDs == 1)
    }

    @Test(
        "the server leaves an id that is fought for to its subscriber, which goes on reading, and says when to try again"
    )
    func server() async throws {
        let server = try await startTestServer()
        let request = #"{"type":"subscribe","subscriber_id":"s","offset":-2,"request_id":1}"#
        var holder = try RawPeer(port: server.port)
        #expect(members(try holder.ask(request))["success"] as? Bool == true)
        var refusal: [String: Any] = [:]
        var takeovers = 0
        while takeovers < 200 {
            let peer = try RawPeer(port: server.port)
            let answer = members(try peer.ask(request))
            guard answer["success"] as? Bool == true else {
                refusal = answer
                // It is asked over the same connection, which goes on.
                #expect(members(try peer.ask(#"{"type":"ping"}"#))["type"] as? String == "pong")
                break
            }
            #expect(members(try holder.receive())["code"] as? String == "superseded")
            holder = peer
            takeovers += 1
        }
        #expect(takeovers >= TakeoverLimit.burst && takeovers < 200)
        #expect(refusal["code"] as? String == "too_many_takeovers" && refusal["request_id"] as? Int == 1)
        #expect((refusal["retry_after_ms"] as? Int).map { 1...1001 ~= $0 } == true)
        let publisher = try RawPeer(port: server.port)
        #expect(members(try publisher.ask(#"{"type":"publish","payload":7}"#))["success"] as? Bool == true)
        #expect(members(try holder.receive())["payload"] as? Int == 7)
        await server.shutdown()
    }

    @Test("a client whose id was taken over does not take it back at once, and says that it waits")
    func client() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            try peer.acceptSubscription(beginsAt: 0)
            try peer.send(#"{"type":"error","error":"s has subscribed anew","code":"superseded"}"#)
            try peer.readToEnd()
        }
        let (events, report) = AsyncStream.makeStream(of: String.self)
        var settings = patientConfiguration(server.port)
        settings.initialBackoff = .seconds(1000)
        settings.maxBackoff = .seconds(1000)
        settings.onEvent = { event in
            if case .subscriptionDelayed(let id, _, let wait) = event, wait > .seconds(400) { report.yield(id) }
        }
        var told = events.makeAsyncIterator()
        try await MQClient.withClient(settings) { client in
            await #expect { for try await _ in client.subscribe(id: "s") {} } throws: {
                ($0 as? MQError)?.code == .superseded
            }
            let again = Task { for try await _ in client.subscribe(id: "s") {} }
            #expect(await told.next() == "s")
            again.cancel()
            _ = await again.result
        }
        try server.finish()
    }

    @Test("a client that the server asks to wait subscribes again after that time, on the same connection")
    func retries() async throws {
        let connections = Mutex(0)
        let server = try ScriptedServer { _, peer in
            connections.withLock { $0 += 1 }
            try peer.greet()
            for _ in 0..<3 {
                _ = try peer.expect("subscribe")
                try peer.send(
                    #"{"type":"error","error":"wait","code":"too_many_takeovers","request_id":1,"retry_after_ms":1}"#)
            }
            try peer.acceptSubscription(beginsAt: 0)
            try peer.sendBytes(messageFrame(0, "0"))
            try peer.readToEnd()
        }
        let delays = Mutex(0)
        var settings = patientConfiguration(server.port)
        settings.onEvent = { if case .subscriptionDelayed("s", "wait", _) = $0 { delays.withLock { $0 += 1 } } }
        try await MQClient.withClient(settings) { client in
            let first = try await client.subscribe(id: "s", from: .earliest).first { _ in true }
            #expect(first?.offset == 0)
        }
        #expect(delays.withLock { $0 } == 3 && connections.withLock { $0 } == 1)
        try server.finish()
    }
}
