import FaultSupport
import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("The client against servers and connections that fail", .timeLimit(.minutes(20)))
struct ClientFaultTests {
    // MARK: Publishing

    @Test("publishes without an answer are sent again with the same numbers, in the same order, before later ones")
    func resending() async throws {
        let sent = Mutex<[[Int]]>([[], []])
        let producers = Mutex<Set<String>>([])
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            for index in 0..<(number == 0 ? 20 : 40) {
                let request = try peer.expect("publish")
                let sequence = request["sequence"] as? Int ?? -1
                sent.withLock { $0[min(number, 1)].append(sequence) }
                producers.withLock { _ = $0.insert(request["producer_id"] as? String ?? "") }
                // The first ten answers arrive; those to the others are lost.
                if number == 1 || index < 10 {
                    let id = request["request_id"] as? Int ?? 0
                    try peer.send(
                        #"{"type":"response","success":true,"request_id":\#(id),"offset":\#(1000 + sequence)}"#)
                }
            }
            if number == 1 { try peer.readToEnd() }
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for n in 0..<50 { group.addTask { try await client.publish("\(n)") } }
                var offsets: [Int64] = []
                for try await offset in group { offsets.append(offset) }
                #expect(offsets.sorted() == Array(1001...1050))
            }
        }
        #expect(sent.withLock { $0 } == [Array(1...20), Array(11...50)])
        #expect(producers.withLock { $0 }.count == 1)
        try server.finish()
    }

    @Test("an answer that is no JSON, with more behind it, costs a connection and nothing else")
    func garbage() async throws {
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            if number == 0 {
                _ = try peer.expect("publish")
                var bytes = RawPeer.frame("{nonsense")
                for n in 0..<1000 {
                    bytes += RawPeer.frame(#"{"type":"response","success":true,"request_id":\#(n),"offset":77}"#)
                }
                try peer.sendBytes(bytes)
            } else {
                try peer.acceptPublish(offset: 5)
            }
            try peer.readToEnd()
        }
        #expect(try await MQClient.withClient(patientConfiguration(server.port)) { try await $0.publish("1") } == 5)
        try server.finish()
    }

    @Test("a publish that the server refuses is an error with the server's code, and the next one is stored")
    func refusal() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            let number = try peer.expect("publish")["request_id"] as? Int ?? 0
            try peer.send(#"{"type":"error","error":"no room","code":"storage_full","request_id":\#(number)}"#)
            try peer.acceptPublish(offset: 3)
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            await #expect { _ = try await client.publish("1") } throws: {
                ($0 as? MQError)?.code == .rejected(code: "storage_full") && "\($0)".contains("no room")
            }
            let offset = try await client.publish("2")
            #expect(offset == 3)
        }
        try server.finish()
    }

    @Test("a cancelled publish that was not sent is never sent")
    func cancelledBeforeSending() async throws {
        let release = DispatchSemaphore(value: 0)
        let server = try ScriptedServer { _, peer in
            _ = try peer.expect("hello")
            release.wait()
            try peer.send(#"{"type":"response","success":true,"request_id":0}"#)
            let request = try peer.expect("publish")
            #expect(request["payload"] as? String == "kept")
            try peer.send(
                #"{"type":"response","success":true,"request_id":\#(request["request_id"] as? Int ?? 0),"offset":0}"#)
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            let cancelled = Task { try await client.publish("\"dropped\"") }
            cancelled.cancel()
            await #expect { _ = try await cancelled.value } throws: { ($0 as? MQError)?.code == .cancelled }
            async let kept = client.publish("\"kept\"")
            release.signal()
            let offset = try await kept
            #expect(offset == 0)
        }
        try server.finish()
    }

    @Test("close waits for the answers to what was sent, takes no more, and gives up at its limit")
    func close() async throws {
        let (received, receive) = AsyncStream<Void>.makeStream()
        let answer = DispatchSemaphore(value: 0)
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            let id = try peer.expect("publish")["request_id"] as? Int ?? 0
            receive.yield()
            if number == 0 {
                answer.wait()
                try peer.send(#"{"type":"response","success":true,"request_id":\#(id),"offset":8}"#)
            }
            try peer.readToEnd()
        }
        var signals = received.makeAsyncIterator()
        let first = try MQClient(configuration: patientConfiguration(server.port))
        async let offset = first.publish("1")
        _ = await signals.next()
        async let closed: Void = first.close(within: .seconds(100))
        answer.signal()
        #expect(try await offset == 8)
        await closed
        await #expect { _ = try await first.publish("2") } throws: { ($0 as? MQError)?.code == .closed }
        await #expect { _ = try await first.statistics() } throws: { ($0 as? MQError)?.code == .closed }

        let second = try MQClient(configuration: patientConfiguration(server.port))
        let unanswered = Task { try await second.publish("1") }
        _ = await signals.next()
        await second.close(within: .zero)
        await #expect { _ = try await unanswered.value } throws: { ($0 as? MQError)?.code == .closed }
        await second.close()
        try server.finish()
    }

    // MARK: Connections

    @Test("a server that falls silent is given up for a new connection; pings are answered")
    func keepalive() async throws {
        let server = try ScriptedServer { number, peer in
            let hello = try peer.expect("hello")
            #expect(hello["keepalive_ms"] as? Int == 40)
            try peer.send(#"{"type":"response","success":true,"request_id":0}"#)
            if number == 0 {
                // Says nothing while the client goes on asking.
                while members(try peer.receive())["type"] as? String != "ping" {}
                return try peer.readToEnd()
            }
            var id = 0
            while true {
                let request = members(try peer.receive())
                switch request["type"] as? String {
                case "publish":
                    id = request["request_id"] as? Int ?? 0
                    try peer.send(#"{"type":"ping"}"#)
                case "pong": try peer.send(#"{"type":"response","success":true,"request_id":\#(id),"offset":2}"#)
                default: break
                }
            }
        }
        var settings = patientConfiguration(server.port)
        settings.keepaliveInterval = .milliseconds(40)
        #expect(try await MQClient.withClient(settings) { try await $0.publish("1") } == 2)
        try server.finish()
    }

    @Test("a server that accepts and does not greet is given up after the connect timeout")
    func noGreeting() async throws {
        let server = try ScriptedServer { number, peer in
            if number == 0 { return try peer.readToEnd() }
            try peer.greet()
            try peer.acceptPublish(offset: 1)
            try peer.readToEnd()
        }
        var settings = patientConfiguration(server.port)
        settings.connectTimeout = .milliseconds(50)
        #expect(try await MQClient.withClient(settings) { try await $0.publish("1") } == 1)
        try server.finish()
    }

    @Test("what listens but is no queue is told as such, with its address")
    func notAQueue() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.sendBytes(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
            try peer.readToEnd()
        }
        let port = server.port
        try await MQClient.withClient(patientConfiguration(port)) { client in
            let subscription = client.subscribe()
            await #expect { _ = try await client.publish("1") } throws: {
                ($0 as? MQError)?.code == .protocolViolation && "\($0)".contains("127.0.0.1:\(port)")
            }
            await #expect { _ = try await subscription.first { _ in true } } throws: {
                ($0 as? MQError)?.code == .protocolViolation
            }
        }
        try server.finish()
    }
}
