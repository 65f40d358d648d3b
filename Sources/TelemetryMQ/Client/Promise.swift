import Synchronization

/// A result that comes later, once, for any number of tasks that wait for it.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, MQError>?
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter = 0
    }

    private let state = Mutex(State())

    /// The first result counts.
    func complete(_ result: Result<Value, MQError>) {
        let waiters = state.withLock { state in
            if state.result == nil { state.result = result }
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Waits for the result; ends at once, with an error, when the task is cancelled.
    func value() async throws(MQError) -> Value {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    guard state.result == nil, !Task.isCancelled else { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
        guard let result = state.withLock({ $0.result }) else { throw .cancelled }
        return try result.get()
    }
}
