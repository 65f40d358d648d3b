import Synchronization
import TelemetryBase

/// A few threads for work that takes long, so that it blocks neither an event loop nor the host's other tasks, which
/// share the threads of the concurrency library.
///
/// As a task executor it runs async functions, in any order and on any of its threads. Threads start when there is
/// work, and end after ten seconds without work. Safe to use from any thread.
package final class WorkerPool: TaskExecutor, Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var threads = 0
        /// The threads that wait for work or are about to.
        var waiting = 0
    }

    private let name: String
    private let maxThreads: Int
    private let state = Mutex(State())
    private let work = Semaphore()

    /// - Parameter name: The name of its threads as shown by the system, truncated to 15 bytes.
    package init(name: String, threads: Int = processorCount) {
        self.name = name
        maxThreads = threads
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let needsThread = state.withLock { state in
            state.jobs.append(unowned)
            guard state.jobs.count > state.waiting, state.threads < maxThreads else { return false }
            state.threads += 1
            return true
        }
        // A thread that cannot be started is no loss as long as there are others.
        if !needsThread || !addThread() { work.signal() }
    }

    private func addThread() -> Bool {
        do {
            try startThread(name: name) { [self] in run() }
            return true
        } catch {
            let isOnlyOne = state.withLock { state in
                state.threads -= 1
                return state.threads == 0
            }
            precondition(!isOnlyOne, "no thread for \(name): \(error)")
            return false
        }
    }

    private func run() {
        while let job = next() { job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    /// Returns `nil` after ten seconds without work: the thread ends.
    private func next() -> UnownedJob? {
        var hasWaited = false
        var isOver = false
        while true {
            let (job, ends) = state.withLock { state -> (UnownedJob?, Bool) in
                if hasWaited { state.waiting -= 1 }
                if !state.jobs.isEmpty { return (state.jobs.removeFirst(), false) }
                if isOver {
                    state.threads -= 1
                    return (nil, true)
                }
                state.waiting += 1
                return (nil, false)
            }
            if let job { return job }
            if ends { return nil }
            hasWaited = true
            isOver = !work.wait(seconds: 10)
        }
    }
}
