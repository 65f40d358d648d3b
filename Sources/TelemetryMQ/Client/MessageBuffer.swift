import Synchronization

/// Between the loop that receives and the task that consumes: holds at most about `limit` bytes, and tells the loop to stop
/// reading beyond them.
final class MessageBuffer: Sendable {
    private struct State {
        var messages: [Message] = []
        var byteCount = 0
        var failure: MQError?
        var isFinished = false
        var isPaused = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether the consumer has to take messages before more are read.
    var isPaused: Bool { state.withLock { $0.isPaused } }

    /// Returns whether there is room for more.
    func append(_ messages: [Message], byteCount: Int) -> Bool {
        let (waiter, hasRoom) = state.withLock { state in
            state.messages.append(contentsOf: messages)
            state.byteCount += byteCount
            if state.byteCount >= limit { state.isPaused = true }
            defer { state.waiter = nil }
            return (state.waiter, !state.isPaused)
        }
        waiter?.resume()
        return hasRoom
    }

    /// What is buffered is still delivered; then the error is thrown, or the sequence ends.
    func finish(_ failure: MQError?) {
        let waiter = state.withLock { state in
            if !state.isFinished {
                state.isFinished = true
                state.failure = failure
            }
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// All that has arrived, at least one message; `nil` at the end. `resume` is called where reading had stopped.
    func take(resume: () -> Void) async throws(MQError) -> [Message]? {
        while true {
            if Task.isCancelled { throw .cancelled }
            let (messages, wasPaused, isFinished, failure) = state.withLock { state in
                let taken = (state.messages, state.isPaused, state.isFinished, state.failure)
                state.messages = []
                state.byteCount = 0
                state.isPaused = false
                return taken
            }
            if wasPaused { resume() }
            if !messages.isEmpty { return messages }
            if let failure { throw failure }
            if isFinished { return nil }
            await wait()
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    guard state.messages.isEmpty, !state.isFinished, !Task.isCancelled else { return true }
                    precondition(state.waiter == nil, "a subscription is iterated by two tasks at once")
                    state.waiter = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }
}
