import Foundation
import Glibc
import Synchronization
import TelemetryIO
import Testing

@Suite("A pool of threads for long work", .timeLimit(.minutes(20)))
struct WorkerPoolTests {
    /// Work that blocks its thread until as many others have come.
    private final class Meeting: Sendable {
        let present = Atomic(0)
        let most = Atomic(0)

        func attend(_ count: Int) {
            let number = present.add(1, ordering: .sequentiallyConsistent).newValue
            most.max(number, ordering: .sequentiallyConsistent)
            while most.load(ordering: .sequentiallyConsistent) < count { sched_yield() }
            present.subtract(1, ordering: .sequentiallyConsistent)
        }
    }

    @Test("as many run at one time as there are threads, and never more; each comes to its end", arguments: [1, 3])
    func limit(threads: Int) async {
        let pool = WorkerPool(name: "test", threads: threads)
        let meeting = Meeting()
        let count = await withTaskGroup { group in
            for _ in 0..<200 {
                group.addTask(executorPreference: pool) {
                    // With fewer threads at a time this would never end.
                    meeting.attend(threads)
                    await Task.yield()
                    return 1
                }
            }
            return await group.reduce(0, +)
        }
        #expect(count == 200)
        #expect(meeting.most.load(ordering: .sequentiallyConsistent) == threads)
    }

    @Test("work runs on the pool's threads, and what follows it where it was asked for")
    func threads() async throws {
        let pool = WorkerPool(name: "pool-of-test", threads: 2)
        let name = try await withTaskExecutorPreference(pool) {
            await Task.yield()
            return try Self.threadName()
        }
        #expect(name == "pool-of-test")
        #expect(try Self.threadName() != "pool-of-test")
    }

    private static func threadName() throws -> String {
        try String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8).trimmingCharacters(in: .newlines)
    }
}
