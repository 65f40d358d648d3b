import Synchronization
import TelemetryIO

/// A result that is set later, once, for any number of tasks that wait for it.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, MQError>?
        var waiters = Waiters()
    }

    private let state = Mutex(State())

    /// The result; `nil` while there is none.
    var result: Result<Value, MQError>? { state.withLock { $0.result } }

    /// The first result counts.
    func complete(_ result: Result<Value, MQError>) {
        let woken = state.withLock { state in
            if state.result == nil { state.result = result }
            return state.waiters.takeAll()
        }
        woken.resume()
    }

    /// Waits for the result; ends at once, with an error, when the task is cancelled.
    func value() async throws(MQError) -> Value {
        if let result { return try result.get() }
        await state.wait(\.waiters) { $0.result == nil }
        guard let result else { throw .cancelled }
        return try result.get()
    }
}
