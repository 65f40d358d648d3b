import FaultSupport
import Foundation
import Synchronization
import TelemetryIO
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("Iterating, committing and closing", .timeLimit(.minutes(20)))
struct SubscriptionLifeTests {
    private func publish(_ range: Range<Int>, _ client: MQClient) async throws {
        _ = try await client.publish(range.map { Array("\($0)".utf8) })
    }

    /// Until so many messages wait for the consumer.
    private func arrived(_ count: Int, _ subscription: Subscription) async {
        while subscription.handle.buffer.count < count { await Task.yield() }
    }

    private final class Seen: Sendable {
        let offsets = Mutex<[Int64]>([])
    }

    // MARK: Iterating

    @Test(
        "each iteration continues exactly where the one before stopped, by next and nextBatch in any mix",
        arguments: 0..<20 as Range<UInt64>)
    func iteratedAgain(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await publish(0..<100, client)
            let subscription = client.subscribe(id: "s", from: .earliest)
            var published = 100
            var seen: [Int64] = []
            var older = subscription.makeAsyncIterator()
            while seen.count < 300 {
                if seen.count == published {
                    try await publish(published..<published + 100, client)
                    published += 100
                }
                switch Int.random(in: 0..<5, using: &random) {
                case 0:
                    let count = Int.random(in: 1...(published - seen.count), using: &random)
                    var left = count
                    for try await message in subscription {
                        seen.append(message.offset)
                        left -= 1
                        if left == 0 { break }
                    }
                case 1:
                    var newer = subscription.makeAsyncIterator()
                    seen += try await newer.nextBatch()?.map(\.offset) ?? []
                case 2: seen += try await older.nextBatch()?.map(\.offset) ?? []
                case 3: if let message = try await older.next() { seen.append(message.offset) }
                default:
                    older = subscription.makeAsyncIterator()
                    if let message = try await subscription.first(where: { _ in true }) { seen.append(message.offset) }
                }
            }
            #expect(seen == Array(0..<Int64(seen.count)))
        }
        await server.shutdown()
    }

    @Test("a cancelled iteration loses nothing for the next")
    func cancelledIteration() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            let subscription = client.subscribe(id: "s", from: .earliest)
            let seen = Seen()
            for round in 0..<20 {
                let iteration = Task {
                    for try await message in subscription { seen.offsets.withLock { $0.append(message.offset) } }
                }
                try await publish(round * 50..<round * 50 + 50, client)
                iteration.cancel()
                _ = await iteration.result
            }
            while seen.offsets.withLock({ $0.count }) < 1000 {
                var messages = subscription.makeAsyncIterator()
                let batch = try await messages.nextBatch()
                seen.offsets.withLock { $0 += batch?.map(\.offset) ?? [] }
            }
            #expect(seen.offsets.withLock { $0 } == Array(0..<1000))
        }
        await server.shutdown()
    }

    @Test("when several tasks iterate one subscription, each message goes to one of them, and the end to all")
    func manyTasks() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            let subscription = client.subscribe(id: "s", from: .earliest)
            let seen = Seen()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for try await message in subscription {
                            let count = seen.offsets.withLock { seen in
                                seen.append(message.offset)
                                return seen.count
                            }
                            if count == 2000 { subscription.close() }
                        }
                    }
                }
                for n in 0..<20 { try await publish(n * 100..<n * 100 + 100, client) }
                try await group.waitForAll()
            }
            #expect(seen.offsets.withLock { $0.sorted() } == Array(0..<2000))
        }
        await server.shutdown()
    }

    // MARK: Committing

    @Test("a subscription that only commits does not take the id from the one that reads")
    func commitOnly() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await publish(0..<10, client)
            let reader = client.subscribe(id: "s", from: .earliest)
            var messages = reader.makeAsyncIterator()
            #expect(try await messages.next()?.offset == 0)
            try await client.subscribe(id: "s").commit(through: 6)
            try await publish(10..<11, client)
            for offset in 1...10 { #expect(try await messages.next()?.offset == Int64(offset)) }
            reader.close()
            let later = try await client.subscribe(id: "s", from: .committed).first { _ in true }
            #expect(later?.offset == 7)
        }
        await server.shutdown()
    }

    @Test("a subscription that was taken over commits no more; one that ended by a damaged message still does")
    func commitAfterFailure() async throws {
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            if number == 0 {
                try peer.acceptSubscription()
                var damaged = messageFrame(1, "\"bbbb\"")
                damaged[damaged.count - 24] ^= 1
                try peer.sendBytes(messageFrame(0, "\"a\"") + damaged)
                return try peer.readToEnd()
            }
            if number == 1 {
                #expect(try peer.acceptCommit()["offset"] as? Int == 0)
                return try peer.readToEnd()
            }
            try peer.acceptSubscription()
            try peer.sendBytes(
                messageFrame(0, "0") + RawPeer.frame(#"{"type":"error","error":"taken","code":"superseded"}"#))
            try peer.readToEnd()
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            let damaged = client.subscribe(id: "s", from: .earliest)
            #expect(await errorCode { for try await _ in damaged {} } == .corruptMessage)
            try await damaged.commit(through: 0)
            let taken = client.subscribe(id: "t", from: .earliest)
            #expect(await errorCode { for try await _ in taken {} } == .superseded)
            #expect(await errorCode { try await taken.commit(through: 0) } == .superseded)
        }
        try server.finish()
    }

    // MARK: Closing

    @Test("a closed subscription delivers what had arrived and ends; committing goes on; its id is free")
    func closedSubscription() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await publish(0..<5, client)
            let subscription = client.subscribe(id: "s", from: .earliest)
            var messages = subscription.makeAsyncIterator()
            #expect(try await messages.next()?.offset == 0)
            await arrived(4, subscription)
            subscription.close()
            try await publish(5..<6, client)
            for offset in 1..<5 { #expect(try await messages.next()?.offset == Int64(offset)) }
            #expect(try await messages.next() == nil)
            #expect(try await messages.nextBatch() == nil)
            // Iterated by another while this one is still held, and not taken over from it.
            let other = client.subscribe(id: "s", from: .offset(5))
            #expect(try await other.first { _ in true }?.offset == 5)
            try await subscription.commit(through: 4)
            other.close()
            #expect(try await client.subscribe(id: "s", from: .committed).first { _ in true }?.offset == 5)
        }
        await server.shutdown()
    }

    @Test("a subscription that was closed before its iteration ends at once and never takes the id")
    func closedBeforeIteration() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await publish(0..<2, client)
            let subscription = client.subscribe(id: "s", from: .earliest)
            subscription.close()
            #expect(try await subscription.first { _ in true } == nil)
            try await subscription.commit(through: 0)
        }
        await server.shutdown()
    }

    @Test("closing a client lets its consumers drain and commit, and waits for them")
    func closedClientDrains() async throws {
        let closing = DispatchSemaphore(value: 0)
        let order = Mutex<[String]>([])
        let server = try ScriptedServer { _, peer in
            try peer.greet()
            try peer.acceptSubscription()
            for n in 0..<3 { try peer.sendBytes(messageFrame(n, "\(n)")) }
            _ = try peer.expect("unsubscribe")
            // Too late: of what comes now nothing is delivered.
            try peer.sendBytes(
                messageFrame(3, "3") + RawPeer.frame(#"{"type":"response","success":true,"request_id":0}"#))
            closing.signal()
            let request = try peer.expect("ack")
            #expect(request["offset"] as? Int == 2)
            order.withLock { $0.append("commit") }
            try peer.send(#"{"type":"response","success":true,"request_id":\#(request["request_id"] as? Int ?? 0)}"#)
            try peer.readToEnd()
        }
        let client = try MQClient(configuration: patientConfiguration(server.port))
        let (ready, isReady) = AsyncStream<Void>.makeStream()
        let consumer = Task {
            let subscription = client.subscribe(id: "s", from: .earliest)
            var messages = subscription.makeAsyncIterator()
            #expect(try await messages.next()?.offset == 0)
            await arrived(2, subscription)
            isReady.finish()
            await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    closing.wait()
                    continuation.resume()
                }
            }
            for offset in 1..<3 { #expect(try await messages.next()?.offset == Int64(offset)) }
            #expect(try await messages.next() == nil)
            try await subscription.commit(through: 2)
        }
        for await _ in ready {}
        await client.close(within: .seconds(1000))
        order.withLock { $0.append("closed") }
        try await consumer.value
        #expect(order.withLock { $0 } == ["commit", "closed"])
        try server.finish()
    }

    @Test("after a client is closed, what had arrived can be read but not committed, and nothing new begins")
    func closedClient() async throws {
        let server = try await startTestServer()
        let client = try MQClient(configuration: quickConfiguration(server.port))
        try await publish(0..<3, client)
        let subscription = client.subscribe(id: "s", from: .earliest)
        var messages = subscription.makeAsyncIterator()
        #expect(try await messages.next()?.offset == 0)
        await arrived(2, subscription)
        let fresh = client.subscribe(id: "t", from: .earliest)
        await client.close(within: .zero)
        #expect(try await messages.next()?.offset == 1)
        #expect(await errorCode { try await subscription.commit(through: 1) } == .closed)
        #expect(try await messages.next()?.offset == 2)
        #expect(try await messages.next() == nil)
        #expect(await errorCode { for try await _ in fresh {} } == .closed)
        #expect(await errorCode { for try await _ in client.subscribe(from: .earliest) {} } == .closed)
        #expect(await errorCode { try await fresh.commit(through: 0) } == .closed)
        #expect(await errorCode { try await client.subscribe(id: "u").commit(through: 0) } == .closed)
        #expect(await errorCode { try await client.publish("1") } == .closed)
        #expect(await errorCode { _ = try await client.statistics() } == .closed)
        #expect(await errorCode { try await client.withPublisher { _ in } } == .closed)
        let unread = client.subscribe(id: "v", from: .earliest)
        unread.close()
        #expect(await errorCode { try await unread.commit(through: 0) } == .closed)
        await client.close()
        await server.shutdown()
    }

    @Test("a client for which the system has no thread is an error, not the end of the process")
    func noThread() throws {
        #expect {
            _ = try MQClient(configuration: quickConfiguration(1)) {
                throw SystemError("start", on: "a thread", code: EAGAIN)
            }
        } throws: {
            ($0 as? MQError)?.code == .noResources && "\($0)".contains("client")
        }
    }

    // MARK: Events

    @Test("events name the subscription whose connection it is")
    func eventsNameSubscription() async throws {
        let cut = DispatchSemaphore(value: 0)
        let server = try ScriptedServer { number, peer in
            try peer.greet()
            if number == 0 {
                try peer.acceptPublish(offset: 0)
                return try peer.readToEnd()
            }
            let id = try peer.expect("subscribe")["subscriber_id"] as? String
            try peer.send(#"{"type":"response","success":true,"request_id":1,"offset":0}"#)
            if number < 3 { try peer.sendBytes(messageFrame(0, "0")) }
            if id == "first", number < 3 {
                cut.wait()
                return
            }
            try peer.readToEnd()
        }
        let (events, report) = AsyncStream.makeStream(of: String.self)
        var settings = patientConfiguration(server.port)
        settings.onEvent = { event in
            switch event {
            case .connected(_, let id): report.yield("connected \(id ?? "-")")
            case .disconnected(_, let id, _, _): report.yield("disconnected \(id ?? "-")")
            default: break
            }
        }
        var told = events.makeAsyncIterator()
        try await MQClient.withClient(settings) { client in
            try await client.publish("1")
            #expect(await told.next() == "connected -")
            let (first, second) = (
                client.subscribe(id: "first", from: .earliest), client.subscribe(id: "second", from: .earliest)
            )
            _ = try await first.first { _ in true }
            #expect(await told.next() == "connected first")
            _ = try await second.first { _ in true }
            #expect(await told.next() == "connected second")
            cut.signal()
            #expect(await told.next() == "disconnected first")
            #expect(await told.next() == "connected first")
            first.close()
            second.close()
        }
        try server.finish()
    }

    @Test("a question that was cancelled is not asked again")
    func cancelledQuestion() async throws {
        let release = DispatchSemaphore(value: 0)
        let asked = Mutex<[Int]>([])
        let server = try ScriptedServer { _, peer in
            _ = try peer.expect("hello")
            release.wait()
            try peer.send(#"{"type":"response","success":true,"request_id":0}"#)
            while true {
                let id = try peer.expect("get_stats")["request_id"] as? Int ?? 0
                asked.withLock { $0.append(id) }
                try peer.send(#"{"type":"response","success":true,"request_id":\#(id),"payload":{"latest_offset":7}}"#)
            }
        }
        try await MQClient.withClient(patientConfiguration(server.port)) { client in
            let (begun, begin) = AsyncStream<Void>.makeStream()
            let cancelled = Task {
                begin.finish()
                return try await client.statistics()
            }
            for await _ in begun {}
            cancelled.cancel()
            #expect(await errorCode { _ = try await cancelled.value } == .cancelled)
            // The loop hears of it before the server's greeting.
            _ = try await client.loop.perform { 0 }
            async let newest = client.newestOffset()
            release.signal()
            #expect(try await newest == 7)
        }
        #expect(asked.withLock { $0.count } == 1, "\(asked.withLock { $0 })")
        try server.finish()
    }
}
