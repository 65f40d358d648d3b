import FaultSupport
import Synchronization
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQServer

@Suite("A service's connection to the queue", .timeLimit(.minutes(10)))
struct QueueConnectionTests {
    @Test("a reader's connection reports whether it is there, how much is unread, and what was lost")
    func reads() async throws {
        let server = try await startTestServer()
        var settings = quickConfiguration(server.port)
        let (losses, lost) = AsyncStream.makeStream(of: Void.self)
        settings.onEvent = { if case .disconnected(_, _?, _, _) = $0 { lost.yield() } }
        let queue = try QueueConnection(settings, role: .reads)
        let address = "127.0.0.1:\(server.port)"
        #expect(!queue.isConnected && queue.detail == "not connected to \(address)")
        #expect(queue.unreadMessages(after: nil) == nil && queue.serverStatistics == nil)

        for number in 0..<5 { try await queue.client.publish("\(number)") }
        // The connection that publishes does not count.
        #expect(!queue.isConnected)
        await queue.askServer()
        #expect(queue.unreadMessages(after: nil) == 5)
        #expect(queue.serverStatistics != nil)

        var messages = queue.client.subscribe(id: "reader", from: .earliest).makeAsyncIterator()
        let first = try #require(try await messages.next())
        #expect(queue.isConnected && queue.detail == "connected to \(address)")
        #expect(queue.unreadMessages(after: first.position) == 4)
        #expect(queue.losses == QueueConnection.Losses())

        await server.shutdown()
        for await _ in losses { break }
        #expect(!queue.isConnected)
        // What the server reported last stays.
        #expect(queue.unreadMessages(after: first.position) == 4)

        let other = try await startTestServer(port: server.port)
        try await queue.client.publish(#""other log""#)
        while let message = try await messages.next(), message.payload.elementsEqual(#""other log""#.utf8) == false {}
        #expect(queue.isConnected && queue.losses.logResets == 1)
        #expect(queue.detail.hasPrefix("connected to \(address); read 1 other log than before, last: "))
        await queue.close()
        await other.shutdown()
    }

    @Test("a publisher's connection is the one that publishes")
    func publishes() async throws {
        let server = try await startTestServer()
        let queue = try QueueConnection(quickConfiguration(server.port), role: .publishes)
        #expect(!queue.isConnected)
        try await queue.client.publish("1")
        #expect(queue.isConnected)
        await queue.close()
        await server.shutdown()
    }

    @Test("a refused subscription is known at once, with the setting that an operator has to change")
    func refused() async throws {
        let server = try await startTestServer(token: "right")
        var settings = quickConfiguration(server.port)
        settings.token = "wrong"
        let queue = try QueueConnection(
            settings, role: .reads, names: QueueConnection.SettingNames(token: "QUEUE_TOKEN", id: "READER_ID"))
        let waiting = Task { await queue.subscriptionFailure() }
        var messages = queue.client.subscribe(id: "reader", from: .earliest).makeAsyncIterator()
        await #expect(throws: MQError.self) { _ = try await messages.next() }
        let failure = try #require(await waiting.value)
        #expect(failure.code == .unauthorized)
        #expect(await queue.subscriptionFailure() == failure)
        #expect(queue.explanation(of: failure) == "\(failure); the option is QUEUE_TOKEN")
        let superseded = MQError(.superseded, "taken over")
        #expect(
            queue.explanation(of: superseded, id: "reader")
                == "taken over; another subscriber has the id reader: give each its own READER_ID")
        #expect(queue.explanation(of: superseded) == "taken over")
        await queue.close()
        await server.shutdown()
    }

    @Test("waiting for a refusal ends when its task is cancelled")
    func cancelled() async throws {
        let queue = try QueueConnection(MQClient.Configuration(), role: .reads)
        let waiting = Task { await queue.subscriptionFailure() }
        waiting.cancel()
        #expect(await waiting.value == nil)
        await queue.close()
    }

    @Test("several subscriptions are connected when each of them is")
    func several() {
        var table = ConnectionTable()
        #expect(!table.isConnected)
        table.set("a", isConnected: true, .reads)
        #expect(table.isConnected)
        table.set("b", isConnected: false, .reads)
        table.set(nil, isConnected: true, .reads)
        #expect(!table.isConnected)
        table.set("b", isConnected: true, .reads)
        #expect(table.isConnected)
    }
}
