import FaultSupport
import Foundation
import Synchronization
import TelemetryMQ
import Testing

@Suite("mq-server, killed again and again", .timeLimit(.minutes(60)))
struct CrashTests {
    /// `FAULT_ROUNDS=300` for the long form.
    static let rounds = ProcessInfo.processInfo.environment["FAULT_ROUNDS"].flatMap { Int($0) } ?? 10
    static let isLong = rounds > 10

    @Test(
        "kill -9 at any moment under load loses nothing that was acknowledged, and doubles nothing",
        arguments: ["always", "interval:20ms", "never"], [false, true])
    func killedUnderLoad(sync: String, dropsOldSegments: Bool) async throws {
        let seed =
            ProcessInfo.processInfo.environment["FAULT_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...UInt64.max)
        let comment: Comment = "FAULT_SEED=\(seed), MQ_SYNC=\(sync), retention: \(dropsOldSegments)"
        try await Stage.run { stage in
            let directory = stage.path("log")
            var settings = [
                "MQ_DATA_DIR": directory, "MQ_SYNC": sync, "MQ_SEGMENT_BYTES": dropsOldSegments ? "16KiB" : "64KiB",
            ]
            if dropsOldSegments { settings["MQ_RETENTION_BYTES"] = "64KiB" }
            var queue = try await stage.startQueue(settings)
            let port = queue.port
            let seen = Seen()

            try await withThrowingTaskGroup(of: Void.self) { group in
                for producer in 0..<4 {
                    group.addTask {
                        try await publish(as: "p\(producer)", many: producer == 3, port, seen)
                    }
                }
                let reading = Task {
                    try await MQClient.withClient(client(port, "reader")) { client in
                        for try await message in client.subscribe(id: "reader", from: .earliest) {
                            seen.delivered.withLock { $0.append(message.offset) }
                        }
                    }
                }
                var random = SeededRandom(seed: seed)
                for _ in 0..<Self.rounds {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 2...60, using: &random)))
                    queue.process.send(SIGKILL)
                    _ = await queue.process.ended()
                    queue = try await stage.startQueue(settings.merging(["TCP_PORT": "\(port)"]) { $1 })
                }
                seen.isStopping.store(true, ordering: .relaxed)
                try await group.waitForAll()
                let count = seen.oracle.withLock { $0.acknowledged.count }
                try await eventuallyTrue("delivery of all messages") {
                    (seen.delivered.withLock { $0.last } ?? -1) >= count - 1
                }
                reading.cancel()
                _ = await reading.result
            }
            queue.process.send(SIGTERM)
            #expect(await queue.process.ended() == 0)

            let promises = seen.oracle.withLock { $0 }
            #expect(promises.acknowledged.count > Self.rounds)
            let violations = try promises.violations(inDirectory: directory)
            #expect(violations.isEmpty, "\(comment): \(violations.count) violations, such as \(violations.prefix(5))")
            let offsets = seen.delivered.withLock { $0 }
            if dropsOldSegments {
                // Those that the reader was too late for are left out.
                #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 }, comment)
            } else {
                #expect(offsets == Array(0..<Int64(offsets.count)), comment)
            }
            #expect(try LogInspection(directory: directory).problems == [], comment)
        }
    }

    /// What publishers and the subscriber have seen.
    private final class Seen: Sendable {
        let oracle = Mutex(Oracle())
        let delivered = Mutex<[Int64]>([])
        let isStopping = Atomic(false)
    }

    private func client(_ port: Int, _ id: String) -> MQClient.Configuration {
        var configuration = MQClient.Configuration(host: "127.0.0.1", port: port)
        configuration.clientID = id
        configuration.initialBackoff = .milliseconds(2)
        configuration.maxBackoff = .milliseconds(20)
        return configuration
    }

    /// Publishes one message after the other, or ten at a time, and tells the oracle.
    private func publish(
        as producer: String, many: Bool, _ port: Int, _ seen: Seen
    ) async throws {
        let client = try MQClient(configuration: client(port, producer))
        var sequence: Int64 = 0
        while !seen.isStopping.load(ordering: .relaxed) {
            let numbers = sequence..<sequence + (many ? 10 : 1)
            sequence = numbers.upperBound
            seen.oracle.withLock { oracle in for number in numbers { oracle.send(producer, number) } }
            let offsets: [Int64]
            if many {
                offsets = try await client.publish(numbers.map { Array(Oracle.payload(producer, $0).utf8) })
            } else {
                offsets = [try await client.publish(Oracle.payload(producer, sequence - 1))]
            }
            seen.oracle.withLock { oracle in
                for (number, offset) in zip(numbers, offsets) { oracle.acknowledge(producer, number, offset: offset) }
            }
        }
        await client.close()
    }
}
