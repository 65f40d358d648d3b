import Synchronization
import TelemetryBase

/// A thread that performs work items one after another, in the order of the calls: for system calls that block, such as
/// a file sync. Unlike an ``EventLoop`` it watches no descriptors and needs none.
///
/// The thread ends, after the work that was submitted, when ``stop()`` is called or the object is released. Safe to use
/// from any thread.
package final class SerialThread: Sendable {
    package typealias Work = @Sendable () -> Void

    /// The state that the thread retains, so that it does not retain the object.
    private final class Queue: Sendable {
        private struct State {
            var work: [Work] = []
            var isStopping = false
        }

        private let state = Mutex(State())
        private let changed = Semaphore()

        func add(_ work: @escaping Work) -> Bool {
            let (isAccepted, wakes) = state.withLock { state in
                guard !state.isStopping else { return (false, false) }
                state.work.append(work)
                return (true, state.work.count == 1)
            }
            if wakes { changed.signal() }
            return isAccepted
        }

        func stop() {
            let wasStopping = state.withLock { state in
                defer { state.isStopping = true }
                return state.isStopping
            }
            if !wasStopping { changed.signal() }
        }

        func run() {
            while true {
                changed.wait()
                let (work, isStopping) = state.withLock { state in
                    defer { state.work = [] }
                    return (state.work, state.isStopping)
                }
                for item in work { item() }
                if isStopping { return }
            }
        }
    }

    package let name: String
    private let queue = Queue()

    /// Starts the thread. `name` is shown by the system, truncated to 15 bytes.
    package init(name: String) throws(SystemError) {
        self.name = name
        let queue = queue
        try startThread(name: name) { queue.run() }
    }

    deinit { queue.stop() }

    /// Returns `false` if the thread was stopped: then the work is dropped, and the caller must notify whoever waits
    /// for it.
    @discardableResult
    package func execute(_ work: @escaping Work) -> Bool { queue.add(work) }

    /// Does the work on the thread and waits for its result.
    package func perform<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            if !execute({ continuation.resume(with: Result { try work() }) }) {
                continuation.resume(throwing: ThreadEnded(name: name))
            }
        }
    }

    /// Ends the thread after the work that was submitted before.
    package func stop() { queue.stop() }
}

/// An error: the thread that should have done the work has ended.
package struct ThreadEnded: Error, CustomStringConvertible {
    package var name: String
    package var description: String { "thread \(name) has ended" }
}
