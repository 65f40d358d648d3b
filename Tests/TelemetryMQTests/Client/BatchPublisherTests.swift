import Foundation
import Testing

@testable import TelemetryMQClient

@Suite("Publishing in batches", .timeLimit(.minutes(20)))
struct BatchPublisherTests {
    /// A port where nobody listens: a publish waits there for ever.
    private func unusedPort() async throws -> Int {
        let server = try await startTestServer()
        let port = server.port
        await server.shutdown()
        return port
    }

    private func refusal(_ body: () async throws -> Void) async -> MQError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? MQError
        }
    }

    /// The payloads of the log from its start on.
    private func stored(_ port: Int, count: Int) async throws -> [String] {
        try await MQClient.withClient(quickConfiguration(port)) { client in
            var seen: [String] = []
            if count == 0 { return [] }
            for try await message in client.subscribe(id: "check", from: .earliest) {
                seen.append(String(decoding: message.payload, as: UTF8.self))
                if seen.count == count { break }
            }
            return seen
        }
    }

    @Test("everything published is stored once, in order, and the receipts tell where")
    func order() async throws {
        let server = try await startTestServer()
        let count = 25_000
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            var receipts: [BatchPublisher.Receipt] = []
            receipts = try await client.withPublisher { publisher in
                var receipts: [BatchPublisher.Receipt] = []
                for n in 0..<count { receipts.append(try await publisher.publish("\(n)")) }
                return receipts
            }
            for n in stride(from: 0, to: count, by: 997) { #expect(try await receipts[n].offset == Int64(n)) }
        }
        #expect(try await stored(server.port, count: count) == (0..<count).map { "\($0)" })
        await server.shutdown()
    }

    @Test("messages of many tasks keep the order of their task", arguments: [64, 8 << 20])
    func manyTasks(bufferBytes: Int) async throws {
        let server = try await startTestServer()
        let (tasks, each) = (8, 500)
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            var options = BatchPublisher.Configuration()
            options.maxBatchMessages = 7
            options.bufferBytes = bufferBytes
            options.linger = .milliseconds(1)
            try await client.withPublisher(options) { publisher in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<tasks {
                        group.addTask { for n in 0..<each { _ = try await publisher.publish("[\(task),\(n)]") } }
                    }
                    try await group.waitForAll()
                }
            }
        }
        let seen = try await stored(server.port, count: tasks * each)
        for task in 0..<tasks {
            #expect(seen.filter { $0.hasPrefix("[\(task),") } == (0..<each).map { "[\(task),\($0)]" })
        }
        await server.shutdown()
    }

    @Test("a lone message leaves after its linger, without a flush")
    func linger() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await client.withPublisher { publisher in
                let receipt = try await publisher.publish("1")
                #expect(try await receipt.offset == 0)
            }
        }
        await server.shutdown()
    }

    @Test("a flush returns when all that was published before is stored")
    func flush() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            var options = BatchPublisher.Configuration()
            options.linger = .seconds(600)
            try await client.withPublisher(options) { publisher in
                for round in 0..<5 {
                    for n in 0..<100 { _ = try await publisher.publish("[\(round),\(n)]") }
                    try await publisher.flush()
                    #expect(try await stored(server.port, count: (round + 1) * 100).last == "[\(round),99]")
                }
            }
        }
        await server.shutdown()
    }

    @Test("a full buffer fails at once where that is asked for, says so, and takes nothing in")
    func fullFails() async throws {
        let port = try await unusedPort()
        try await MQClient.withClient(quickConfiguration(port)) { client in
            var options = BatchPublisher.Configuration()
            options.bufferBytes = 100
            options.whenFull = .fail
            struct Enough: Error {}
            do {
                try await client.withPublisher(options) { publisher in
                    for _ in 0..<10 { _ = try await publisher.publish("\"12345678\"") }
                    let error = await refusal { _ = try await publisher.publish("1") }
                    #expect(error?.code == .bufferFull)
                    #expect(
                        error?.message
                            == "127.0.0.1:\(port): the publisher's buffer is full: 10 messages are unacknowledged, with 100 of 100 bytes"
                    )
                    throw Enough()
                }
            } catch is Enough {}
        }
    }

    @Test("while the buffer is full a publish waits, ends at once when it is cancelled, and is then not stored")
    func fullWaits() async throws {
        let port = try await unusedPort()
        try await MQClient.withClient(quickConfiguration(port)) { client in
            var options = BatchPublisher.Configuration()
            options.bufferBytes = 10
            try await client.withPublisher(options) { publisher in
                try await publisher.publish("\"12345678\"")
                let waiting = Task { _ = try await publisher.publish("\"cancelled\"") }
                let behind = Task { _ = try await publisher.publish("\"second\"") }
                waiting.cancel()
                let error = await refusal { _ = try await waiting.value }
                #expect(error?.code == .cancelled)
                let server = try await startTestServer(port: port)
                _ = try await behind.value
                try await publisher.flush()
                #expect(try await stored(port, count: 2) == ["\"12345678\"", "\"second\""])
                await server.shutdown()
            }
        }
    }

    @Test("leaving by an error gives up what is not answered, promptly; the receipts say so")
    func abandoned() async throws {
        let port = try await unusedPort()
        struct Stop: Error {}
        let receipts = ReceiptBox()
        try await MQClient.withClient(quickConfiguration(port)) { client in
            do {
                try await client.withPublisher { publisher in
                    await receipts.add(try await publisher.publish("1"))
                    throw Stop()
                }
            } catch is Stop {}
            for receipt in await receipts.all {
                let error = await refusal { _ = try await receipt.offset }
                #expect(error?.code == .closed)
            }
        }
    }

    private actor ReceiptBox {
        var all: [BatchPublisher.Receipt] = []
        func add(_ receipt: BatchPublisher.Receipt) { all.append(receipt) }
    }

    @Test("a server that is stopped and started again in the middle loses and doubles nothing")
    func restart() async throws {
        let directory = TemporaryDirectory()
        defer { directory.remove() }
        var server = try await startTestServer(directory)
        let port = server.port
        let count = 6000
        try await MQClient.withClient(quickConfiguration(port)) { client in
            var options = BatchPublisher.Configuration()
            options.maxBatchMessages = 10
            options.bufferBytes = 2000
            try await client.withPublisher(options) { publisher in
                for n in 0..<count {
                    if n % 2000 == 1999 {
                        let old = server
                        let stopping = Task { await old.shutdown() }
                        try await publisher.publish("\(n)")
                        await stopping.value
                        server = try await startTestServer(directory, port: port)
                    } else {
                        try await publisher.publish("\(n)")
                    }
                }
            }
        }
        #expect(try await stored(port, count: count) == (0..<count).map { "\($0)" })
        await server.shutdown()
    }

    @Test("a payload that is not JSON is refused before it is sent, and the others go on")
    func notJSON() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await client.withPublisher { publisher in
                try await publisher.publish("1")
                let error = await refusal { _ = try await publisher.publish("{") }
                #expect(error?.code == .invalidPayload)
                try await publisher.publish("2")
            }
        }
        #expect(try await stored(server.port, count: 2) == ["1", "2"])
        await server.shutdown()
    }

    private struct Sample: Codable, Equatable, Sendable {
        var gpu: Int
        var value: Double
    }

    @Test("a subscription delivers decoded values; one that cannot be decoded is named, and the rest follows")
    func decoded() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await client.publish(
                [#"{"gpu":1,"value":0.5}"#, #"{"gpu":"?"}"#, #"{"gpu":2,"value":1.5}"#].map { Array($0.utf8) })
            let samples = client.subscribe(id: "s", from: .earliest).decoded {
                try JSONDecoder().decode(Sample.self, from: Data($0))
            }
            var iterator = samples.makeAsyncIterator()
            #expect(try await iterator.next()?.value == Sample(gpu: 1, value: 0.5))
            let error = await refusal { _ = try await iterator.next() }
            #expect(error?.code == .undecodable)
            #expect(error?.message.hasPrefix("message 1, subscription s: ") == true)
            let last = try await iterator.next()
            #expect(last?.value == Sample(gpu: 2, value: 1.5))
            #expect(last?.offset == 2)
        }
        await server.shutdown()
    }

    @Test("a subscription begins with the first message of a time")
    func fromTime() async throws {
        let server = try await startTestServer()
        try await MQClient.withClient(quickConfiguration(server.port)) { client in
            try await client.publish("1")
            var times: [Timestamp] = []
            // Until the clock has moved on, further messages may have the first one's time.
            while times.last == times.first || times.count < 2 {
                let offset = try await client.publish("2")
                for try await message in client.subscribe(from: .offset(offset)) {
                    times.append(try #require(message.timestamp))
                    break
                }
            }
            for try await message in client.subscribe(from: .timestamp(times.last!)) {
                #expect(message.timestamp == times.last!)
                #expect(message.offset == Int64(times.count))
                break
            }
        }
        await server.shutdown()
    }
}
