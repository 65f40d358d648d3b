import FaultSupport
import Foundation
import Synchronization
import Testing

@testable import TelemetryMQClient

@Suite("Subscriptions over servers and connections that fail", .timeLimit(.minutes(20)))
struct SubscriptionFaultTests {
    private func expectNext(_ iterator: inout Subscription.Iterator, _ text: String) async throws {
        let message = try await iterator.next()
        #expect(message?.text == text)
    }

    @Test(
        "a connection that is cut within a frame is resumed behind the last whole message",
        arguments: [1, 3, 4, 5, 60, -22, -1])
    func cutWithinFrame(cut: Int) async throws {
        let asked = Mutex<[Int]>([])
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            let offset = try peer.acceptSubscription()
            asked.withLock { $0.append(offset) }
            if number == 0 {
                try peer.sendBytes(messageFrame(0, "\"a\""))
                let frame = messageFrame(1, "\"b\"")
                try peer.sendBytes(Array(frame.prefix(cut > 0 ? cut : frame.count + cut)))
            } else {
                for n in offset..<4 { try peer.sendBytes(messageFrame(n, "\"again\"")) }
                try peer.readToEnd()
            }
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            var iterator = client.subscribe(id: "s", from: .offset(0)).makeAsyncIterator()
            var seen: [String?] = []
            for _ in 0..<4 { seen.append(try await iterator.next()?.text) }
            #expect(seen == ["0 \"a\"", "1 \"again\"", "2 \"again\"", "3 \"again\""])
        }
        #expect(asked.withLock { $0 } == [0, 1])
        try server.finish()
    }

    @Test("what arrives in pieces of one byte is the same as what arrives at once")
    func singleBytes() async throws {
        let server = try ScriptedServer { _, peer in
            func drip(_ bytes: [UInt8]) throws { for byte in bytes { try peer.sendBytes([byte]) } }
            _ = try peer.expect("hello")
            try drip(RawPeer.frame(#"{"type":"response","success":true,"request_id":0}"#))
            _ = try peer.expect("subscribe")
            try drip(RawPeer.frame(#"{"type":"response","success":true,"request_id":1,"offset":0}"#))
            for n in 0..<10 { try drip(messageFrame(n, "{\"n\":\(n)}")) }
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            var iterator = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            for n in 0..<10 { try await expectNext(&iterator, "\(n) {\"n\":\(n)}") }
        }
        try server.finish()
    }

    @Test("the greeting, the answer and messages that arrive in one piece are told apart")
    func allAtOnce() async throws {
        let server = try ScriptedServer { _, peer in
            var bytes =
                RawPeer.frame(#"{"type":"ping"}"#)
                + RawPeer.frame(#"{"type":"response","success":true,"request_id":0}"#)
            bytes += RawPeer.frame(#"{"type":"later"}"#)
            try peer.sendBytes(bytes)
            _ = try peer.expect("hello")
            try peer.acceptSubscription()
            try peer.sendBytes(
                messageFrame(0, "1") + messageFrame(1, "2") + RawPeer.frame(#"{"type":"later","payload":[]}"#)
                    + messageFrame(2, "3"))
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            var iterator = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            for n in 0..<3 { try await expectNext(&iterator, "\(n) \(n + 1)") }
        }
        try server.finish()
    }

    @Test("a message whose members stand in another order, without checksum, is read all the same")
    func foreignServer() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            try peer.acceptSubscription()
            try peer.send(
                #" { "payload" : {"a": [1]}, "offset" : 0, "more": {"offset": 9}, "message_id":"x", "type" : "message" } "#
            )
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            var iterator = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            let message = try await iterator.next()
            #expect(message?.text == #"0 {"a": [1]}"#)
            #expect(message != nil && message?.timestamp == nil)
        }
        try server.finish()
    }

    @Test("a message that was damaged on its way ends the sequence, behind the sound ones, with an error that names it")
    func damagedMessage() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            try peer.acceptSubscription()
            var damaged = messageFrame(1, "\"bbbb\"")
            damaged[damaged.count - 24] ^= 1
            try peer.sendBytes(messageFrame(0, "\"a\"") + damaged)
            try peer.readToEnd()
        }
        let port = server.port
        try await MQClient.withClient(patientConfiguration(port)) { client in
            var iterator = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            try await expectNext(&iterator, "0 \"a\"")
            await #expect { _ = try await iterator.next() } throws: {
                let error = $0 as? MQError
                return error?.code == .corruptMessage && error?.message.contains("127.0.0.1:\(port)") == true
            }
        }
        try server.finish()
    }

    @Test("a message that is left out is an error, one that comes twice is delivered once")
    func gapsAndRepeats() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            try peer.acceptSubscription()
            for n in [0, 1, 1, 0, 2, 4] { try peer.sendBytes(messageFrame(n, "\(n)")) }
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            var iterator = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            for n in 0..<3 { try await expectNext(&iterator, "\(n) \(n)") }
            await #expect { _ = try await iterator.next() } throws: {
                ($0 as? MQError)?.code == .protocolViolation && "\($0)".contains("received message 4 instead of 3")
            }
        }
        try server.finish()
    }

    @Test("messages that retention dropped are told, and the sequence goes on behind them")
    func skipped() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            _ = try peer.expect("subscribe")
            try peer.send(
                #"{"type":"response","success":true,"request_id":1,"offset":5,"oldest_offset":5,"skipped":3}"#)
            try peer.sendBytes(messageFrame(5, "5"))
            try peer.send(
                #"{"type":"error","error":"dropped","code":"offset_out_of_range","oldest_offset":9,"skipped":3}"#)
            try peer.sendBytes(messageFrame(9, "9"))
            try peer.readToEnd()
        }
        let skips = Mutex<[Int64]>([])
        var settings = patientConfiguration(server.port)
        settings.onEvent = { event in
            if case .messagesSkipped("s", let count, let next) = event { skips.withLock { $0 += [count, next] } }
        }
        try await MQClient.withClient(settings) { client in
            var iterator = client.subscribe(id: "s", from: .offset(2)).makeAsyncIterator()
            try await expectNext(&iterator, "5 5")
            try await expectNext(&iterator, "9 9")
        }
        #expect(skips.withLock { $0 } == [3, 5, 3, 9])
        try server.finish()
    }

    @Test("while nobody consumes, connections that break do not bring more and more messages")
    func brokenWhilePaused() async throws {
        let filled = DispatchSemaphore(value: 0)
        let (checked, check) = AsyncStream<Void>.makeStream()
        let payload = "\"" + String(repeating: "x", count: 50_000) + "\""
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            if number == 0 {
                #expect(try peer.acceptSubscription() == 0)
                for n in 0..<4 { try peer.sendBytes(messageFrame(n, payload)) }
                filled.wait()
                return peer.reset()
            }
            // The pong shows that the client has had the greeting and asked for nothing.
            try peer.send(#"{"type":"ping"}"#)
            do {
                _ = try peer.expect("pong")
            } catch {
                check.finish()
                throw error
            }
            if number < 5 { return peer.reset() }
            check.yield()
            let offset = try peer.acceptSubscription()
            #expect(offset == 3 || offset == 4)
            for n in offset..<7 { try peer.sendBytes(messageFrame(n, "\(n)")) }
            try peer.readToEnd()
        }
        var settings = patientConfiguration(server.port)
        settings.receiveBufferBytes = 150_000
        try await MQClient.withClient(settings) { client in
            let subscription = client.subscribe(id: "s", from: .offset(0))
            var iterator = subscription.makeAsyncIterator()
            while !subscription.handle.buffer.isPaused { await Task.yield() }
            filled.signal()
            let isQuiet = await checked.first { _ in true } != nil
            try #require(isQuiet, "the client subscribed although nobody had made room")
            for n in 0..<7 {
                let message = try await iterator.next()
                #expect(message?.offset == Int64(n))
            }
        }
        try server.finish()
    }

    @Test("a message larger than the client's limit ends the sequence instead of being asked for again and again")
    func tooLargeForClient() async throws {
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            try peer.acceptSubscription()
            try peer.sendBytes(
                messageFrame(0, "1") + messageFrame(1, "\"" + String(repeating: "x", count: 5000) + "\""))
            try peer.readToEnd()
        }
        var settings = patientConfiguration(server.port)
        settings.maxFrameBytes = 4096
        try await MQClient.withClient(settings) { client in
            var iterator = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            try await expectNext(&iterator, "0 1")
            await #expect { _ = try await iterator.next() } throws: { ($0 as? MQError)?.code == .protocolViolation }
        }
        try server.finish()
    }
}

extension Message {
    /// Offset and payload.
    var text: String { "\(offset) " + String(decoding: payload, as: UTF8.self) }
}
