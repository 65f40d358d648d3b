import Foundation
import Synchronization
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQServer

@Suite("The client against the real server", .timeLimit(.minutes(20)))
struct ClientTests {
    @Test("a publish returns the message's offset, and a subscription from 0 sees each message once, in order")
    func publishAndSubscribe() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            for n in 0..<100 { #expect(try await client.publish("{\"n\":\(n)}") == Int64(n)) }
            #expect(try await client.publish((100..<150).map { Array("{\"n\":\($0)}".utf8) }) == Array(100..<150))
            var expected: Int64 = 0
            for try await message in client.subscribe(id: "s", from: .offset(0)) {
                #expect(message.offset == expected)
                #expect(String(decoding: message.payload, as: UTF8.self) == "{\"n\":\(expected)}")
                #expect(try #require(message.timestamp) > Timestamp(rfc3339: "2023-11-14T00:00:00Z"))
                expected += 1
                if expected == 150 { break }
            }
            #expect(expected == 150)
        }
        await server.shutdown()
    }

    @Test("many publishers and subscribers at once: everybody sees everything, once, in one order")
    func manyAtOnce() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let server = try await startTestServer(directory)
        let (publishers, each, readers) = (8, 300, 4)
        let port = server.port
        let orders = try await withThrowingTaskGroup(of: [String].self) { group in
            for reader in 0..<readers {
                group.addTask {
                    try await MQClient.withClient(quickConfiguration(port)) { client in
                        var seen: [String] = []
                        for try await message in client.subscribe(id: "r\(reader)", from: .earliest) {
                            #expect(message.offset == Int64(seen.count))
                            seen.append(String(decoding: message.payload, as: UTF8.self))
                            if seen.count == publishers * each { break }
                        }
                        return seen
                    }
                }
            }
            for publisher in 0..<publishers {
                group.addTask {
                    try await MQClient.withClient(quickConfiguration(port)) { client in
                        for n in 0..<each { try await client.publish("\"\(publisher) \(n)\"") }
                        return []
                    }
                }
            }
            var orders: [[String]] = []
            for try await order in group where !order.isEmpty { orders.append(order) }
            return orders
        }
        #expect(orders.count == readers)
        #expect(Set(orders).count == 1)
        let order = try #require(orders.first)
        #expect(Set(order).count == publishers * each)
        for publisher in 0..<publishers {
            let own = order.filter { $0.hasPrefix("\"\(publisher) ") }
            #expect(own == (0..<each).map { "\"\(publisher) \($0)\"" })
        }
        await server.shutdown()
    }

    @Test("while the server is restarted again and again, nothing is lost, doubled or disordered")
    func restarts() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        let first = try await startTestServer(directory)
        let port = first.port
        let total = 3000
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await MQClient.withClient(quickConfiguration(port)) { client in
                    try await withThrowingTaskGroup(of: Void.self) { publishes in
                        for n in 0..<total {
                            if n >= 50 { try await publishes.next() }
                            publishes.addTask { try await client.publish("\(n)") }
                        }
                        try await publishes.waitForAll()
                    }
                }
            }
            group.addTask {
                try await MQClient.withClient(quickConfiguration(port)) { client in
                    var seen = Set<Int>()
                    var next: Int64 = 0
                    for try await message in client.subscribe(id: "s", from: .earliest) {
                        #expect(message.offset == next)
                        next += 1
                        let value = try #require(Int(String(decoding: message.payload, as: UTF8.self)))
                        #expect(seen.insert(value).inserted, "\(value) came twice")
                        if seen.count == total { break }
                    }
                    #expect(seen.count == total)
                }
            }
            group.addTask {
                var server = first
                for _ in 0..<5 {
                    try await Task.sleep(for: .milliseconds(30))
                    await server.shutdown(within: .zero)
                    server = try await startTestServer(directory, port: port)
                }
                var polls = 0
                while try await !isDone(port, total), polls < 2000 {
                    polls += 1
                    try await Task.sleep(for: .milliseconds(10))
                }
                await server.shutdown()
            }
            try await group.waitForAll()
        }
    }

    private func isDone(_ port: Int, _ total: Int) async throws -> Bool {
        let statistics = try await MQClient.withClient(quickConfiguration(port)) { try await $0.statistics() }
        let members = try #require(JSONSerialization.jsonObject(with: Data(statistics)) as? [String: Any])
        let subscribers = members["subscribers"] as? [[String: Any]] ?? []
        return members["total_messages"] as? Int == total && subscribers.isEmpty
    }

    @Test("a publish waits for a server that comes later")
    func serverComesLater() async throws {
        let placeholder = try await startTestServer()
        let port = placeholder.port
        await placeholder.shutdown()
        let client = try MQClient(configuration: quickConfiguration(port))
        async let offset = client.publish("\"early\"")
        let server = try await startTestServer(port: port)
        #expect(try await offset == 0)
        await client.close()
        await server.shutdown()
    }

    @Test("cancellation ends a publish that waits for a connection, and an iteration that waits for a message")
    func cancellation() async throws {
        let placeholder = try await startTestServer()
        let port = placeholder.port
        await placeholder.shutdown()
        let client = try MQClient(configuration: quickConfiguration(port))
        let publish = Task { try await client.publish("1") }
        publish.cancel()
        await #expect { _ = try await publish.value } throws: { ($0 as? MQError)?.code == .cancelled }
        let server = try await startTestServer(port: port)
        let iteration = Task { for try await _ in client.subscribe(from: .latest) {} }
        iteration.cancel()
        await #expect { _ = try await iteration.value } throws: { ($0 as? MQError)?.code == .cancelled }
        await client.close()
        await server.shutdown()
    }

    @Test("cancellation ends publishes and iterations whose server went away in the middle")
    func cancellationWithoutServer() async throws {
        let server = try await startTestServer()
        let port = server.port
        let work = Task {
            try await MQClient.withClient(quickConfiguration(port)) { client in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { for try await _ in client.subscribe(id: "s", from: .earliest) {} }
                    for _ in 0..<20 {
                        group.addTask { while true { try await client.publish("1") } }
                    }
                    try await group.waitForAll()
                }
            }
        }
        try await MQClient.withClient(quickConfiguration(port)) { client in
            var iterator = client.subscribe(id: "watch", from: .earliest).makeAsyncIterator()
            for _ in 0..<100 { _ = try await iterator.next() }
        }
        await server.shutdown(within: .zero)
        work.cancel()
        await #expect { _ = try await work.value } throws: { ($0 as? MQError)?.code == .cancelled }
    }

    @Test(
        "a payload that is not JSON is refused before it is sent",
        arguments: ["", "{", "1 2", "{\"a\":1},\"offset\":5", "\u{1}"])
    func invalidPayload(payload: String) async throws {
        let client = try MQClient(configuration: quickConfiguration(1))
        await #expect { _ = try await client.publish(payload) } throws: { ($0 as? MQError)?.code == .invalidPayload }
        await client.close()
    }

    @Test("a wrong token is an error, for a publish and for a subscription")
    func wrongToken() async throws {
        let server = try await startTestServer(token: "right")
        var settings = quickConfiguration(server.port)
        settings.token = "wrong"
        try await MQClient.withClient(settings) { client in
            await #expect { _ = try await client.publish("1") } throws: { ($0 as? MQError)?.code == .unauthorized }
            await #expect { _ = try await client.subscribe().first { _ in true } } throws: {
                ($0 as? MQError)?.code == .unauthorized
            }
        }
        settings.token = "right"
        #expect(try await MQClient.withClient(settings) { try await $0.publish("1") } == 0)
        await server.shutdown()
    }

    @Test("a subscription that another takes over ends with that error")
    func superseded() async throws {
        let server = try await startTestServer()
        let (failures, failed) = AsyncStream.makeStream(of: String.self)
        var settings = quickConfiguration(server.port)
        settings.onEvent = {
            if case .subscriptionFailed(let id, let error) = $0 { failed.yield("\(id): \(error.code)") }
        }
        try await MQClient.withClient(settings) { client in
            try await client.publish("1")
            var first = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            #expect(try await first.next()?.offset == 0)
            try await client.publish("2")
            var second = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
            #expect(try await second.next()?.offset == 0)
            // It is told while its consumer has yet to take what had arrived.
            #expect(await failures.first { _ in true } == "s: superseded")
            while let message = try? await first.next() { #expect(message.offset == 1) }
            await #expect { _ = try await first.next() } throws: { ($0 as? MQError)?.code == .superseded }
        }
        // The second was closed and has not failed.
        failed.finish()
        #expect(await failures.first { _ in true } == nil)
        await server.shutdown()
    }

    @Test("a committed position is where the next subscription of that id begins")
    func commit() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        for round in 0..<3 {
            let server = try await startTestServer(directory)
            try await MQClient.withClient(quickConfiguration(server.port)) { client in
                if round == 0 { try await client.publish((0..<9).map { Array("\($0)".utf8) }) }
                let subscription = client.subscribe(id: "s", from: .committed)
                var iterator = subscription.makeAsyncIterator()
                for n in 0..<3 { #expect(try await iterator.next()?.offset == Int64(round * 3 + n)) }
                try await subscription.commit(through: Int64(round * 3 + 2))
            }
            await server.shutdown()
        }
    }

    @Test("a consumer that does not read holds a bounded number of bytes, and loses nothing")
    func slowConsumer() async throws {
        let server = try await startTestServer()
        var settings = quickConfiguration(server.port)
        settings.receiveBufferBytes = 100_000
        try await MQClient.withClient(settings) { client in
            let payload = Array(("\"" + String(repeating: "x", count: 10_000) + "\"").utf8)
            var iterator = client.subscribe(id: "slow", from: .earliest).makeAsyncIterator()
            for _ in 0..<2000 { try await client.publish(payload) }
            #expect(try await iterator.next()?.offset == 0)
            // What the consumer has not taken is with the kernel and the server, not here.
            let buffered = try #require(try await iterator.nextBatch())
            #expect(buffered.count * payload.count < 100_000 + 600_000)
            var next = Int64(buffered.count) + 1
            while next < 2000 {
                for message in try #require(try await iterator.nextBatch()) {
                    #expect(message.offset == next)
                    next += 1
                }
            }
        }
        await server.shutdown()
    }

    @Test("a server in memory that began anew is told as such, and its messages are all delivered")
    func logReset() async throws {
        let first = try await startTestServer()
        let port = first.port
        let resets = Mutex(0)
        var settings = quickConfiguration(port)
        settings.onEvent = { if case .logReset("s", _) = $0 { resets.withLock { $0 += 1 } } }
        let client = try MQClient(configuration: settings)
        try await client.publish((0..<5).map { Array("\($0)".utf8) })
        var iterator = client.subscribe(id: "s", from: .earliest).makeAsyncIterator()
        for n in 0..<5 { #expect(try await iterator.next()?.offset == Int64(n)) }
        await first.shutdown()
        let second = try await startTestServer(port: port)
        try await client.publish("\"new\"")
        #expect(try await iterator.next()?.offset == 0)
        #expect(resets.withLock { $0 } == 1)
        await client.close()
        await second.shutdown()
    }

    @Test("a publish larger than the server accepts fails alone, and those beside it are stored")
    func tooLargeForServer() async throws {
        var serverSettings = MQServer.Configuration()
        serverSettings.port = 0
        serverSettings.httpPort = nil
        serverSettings.maxFrameBytes = 4096
        let server = try await MQServer(configuration: serverSettings)
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            async let before = client.publish("1")
            let large = "\"" + String(repeating: "x", count: 5000) + "\""
            await #expect { _ = try await client.publish(large) } throws: { ($0 as? MQError)?.code == .invalidPayload }
            let offsets = [try await before, try await client.publish("2")]
            #expect(offsets == [0, 1])
        }
        await server.shutdown()
    }

    @Test("a client whose id the server does not take is told", arguments: ["", String(repeating: "x", count: 129)])
    func badClientID(id: String) async throws {
        let server = try await startTestServer()
        var settings = quickConfiguration(server.port)
        settings.clientID = id
        let client = try MQClient(configuration: settings)
        await #expect { _ = try await client.publish("1") } throws: {
            ($0 as? MQError)?.code == .rejected(code: "invalid_frame")
        }
        await client.close()
        await server.shutdown()
    }
}
