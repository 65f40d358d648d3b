import Synchronization
import TelemetryMQClient
import Testing

@Suite("Draining", .timeLimit(.minutes(5)))
struct DrainingTests {
    private struct Failure: Error {}

    /// What has happened, in order.
    private final class Record: Sendable {
        private let list = Mutex<[String]>([])
        var events: [String] { list.withLock { $0 } }
        func add(_ event: String) { list.withLock { $0.append(event) } }
    }

    /// Waits until its task is cancelled.
    private static func waitForCancellation() async { for await _ in AsyncStream<Never>.makeStream().stream {} }

    @Test("work that ends by itself is not stopped, and its result or error is returned")
    func endsByItself() async throws {
        let record = Record()
        let never: @Sendable () async -> String? = {
            await Self.waitForCancellation()
            return nil
        }
        let result = try await drain(until: never, within: .seconds(3600), onStop: { record.add($0) }) { 17 }
        #expect(result == 17)
        await #expect(throws: Failure.self) {
            try await drain(until: never, within: .seconds(3600), onStop: { record.add($0) }) { throw Failure() }
        }
        #expect(record.events.isEmpty)
    }

    @Test("work that ends after the stop is not cancelled, and the limit is not waited for")
    func drains() async throws {
        let record = Record()
        let (input, end) = AsyncStream.makeStream(of: Int.self)
        end.yield(1)
        end.yield(2)
        let sum = try await drain(until: { "signal" }, within: .seconds(3600)) { reason in
            record.add("stopped by \(reason)")
            end.finish()
        } onTimeout: {
            record.add("timeout")
        } work: {
            var sum = 0
            for await number in input { sum += number }
            return Task.isCancelled ? -1 : sum
        }
        #expect(sum == 3)
        #expect(record.events == ["stopped by signal"])
    }

    @Test("work that does not end within the limit is given up and cancelled")
    func timesOut() async throws {
        let record = Record()
        try await drain(until: { "signal" }, within: .zero) { _ in
            record.add("stop")
        } onTimeout: {
            record.add("timeout")
        } work: {
            await Self.waitForCancellation()
            record.add("cancelled")
        }
        #expect(record.events == ["stop", "timeout", "cancelled"])
    }

    @Test("a caller that is cancelled cancels the work, without a stop")
    func cancelled() async throws {
        let record = Record()
        let (began, begin) = AsyncStream.makeStream(of: Void.self)
        let draining = Task {
            try await drain(
                until: { () async -> String? in
                    await Self.waitForCancellation()
                    return nil
                }, within: .seconds(3600), onStop: { record.add($0) }
            ) {
                begin.finish()
                await Self.waitForCancellation()
                record.add("cancelled")
            }
        }
        for await _ in began {}
        draining.cancel()
        try await draining.value
        #expect(record.events == ["cancelled"])
    }

    @Test("of two nested drains, either reason stops the work")
    func nested() async throws {
        for reason in ["inner", "outer"] {
            let record = Record()
            let (input, end) = AsyncStream.makeStream(of: Int.self)
            @Sendable func stop(_ name: String) async -> String? {
                if name == reason { return name }
                await Self.waitForCancellation()
                return nil
            }
            let onStop: @Sendable (String) -> Void = { name in
                record.add(name)
                end.finish()
            }
            try await drain(until: { await stop("outer") }, within: .seconds(3600), onStop: onStop) {
                try await drain(until: { await stop("inner") }, within: .seconds(3600), onStop: onStop) {
                    for await _ in input {}
                }
            }
            #expect(record.events == [reason])
        }
    }
}
