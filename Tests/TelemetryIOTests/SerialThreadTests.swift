import Synchronization
import Testing

@testable import TelemetryBase
@testable import TelemetryIO

@Suite("A thread that does one piece of work after another")
struct SerialThreadTests {
    private final class Record: Sendable {
        private let items = Mutex<[Int]>([])
        func add(_ item: Int) { items.withLock { $0.append(item) } }
        var all: [Int] { items.withLock { $0 } }
    }

    @Test("work is done in the order of the calls, and its result or error comes back")
    func order() async throws {
        struct Failure: Error {}
        let thread = try SerialThread(name: "test-serial")
        let record = Record()
        for item in 0..<1000 { thread.execute { record.add(item) } }
        #expect(try await thread.perform { record.all } == Array(0..<1000))
        await #expect(throws: Failure.self) { try await thread.perform { throw Failure() } }
        thread.stop()
    }

    @Test("work that was handed over before the end is done, and work that comes after it is refused")
    func ends() async throws {
        let thread = try SerialThread(name: "test-serial")
        let record = Record()
        await withCheckedContinuation { continuation in
            thread.execute { record.add(1) }
            thread.execute {
                record.add(2)
                continuation.resume()
            }
            thread.stop()
        }
        #expect(record.all == [1, 2])
        #expect(!thread.execute { record.add(3) })
        await #expect(throws: ThreadEnded.self) { try await thread.perform {} }
        #expect(record.all == [1, 2])
    }

    @Test("a thread that nobody holds does its work and ends")
    func dropped() async throws {
        final class Token: Sendable {}
        weak var token: Token?
        let record = Record()
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            do {
                let thread = try SerialThread(name: "test-serial")
                let held = Token()
                token = held
                thread.execute { [held] in
                    record.add(1)
                    withExtendedLifetime(held) { continuation.resume() }
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
        #expect(record.all == [1])
        // The work is let go of with the thread.
        while token != nil { await Task.yield() }
    }
}
