import Synchronization
import TelemetryNet

/// Between the loop that receives and the tasks that consume: holds at most about `limit` bytes, and reports to the
/// loop when to stop reading.
///
/// All iterators of a subscription read from here, and keep nothing themselves: so the next one continues exactly where
/// the one before stopped. Each message goes to one of them.
final class MessageBuffer: Sendable {
    private struct State {
        /// Given out from `index` on.
        var batch: [Message] = []
        var index = 0
        /// What came after it.
        var arrived: [Message] = []
        var byteCount = 0
        var seen = SeenMessages()
        var failure: MQError?
        var isFinished = false
        var isPaused = false
        var waiters = Waiters()

        var isEmpty: Bool { index == batch.count && arrived.isEmpty }

        /// Returns whether there is a message, and whether reading was paused until now.
        mutating func refill() -> (hasMessage: Bool, wasPaused: Bool) {
            if index < batch.count { return (true, false) }
            defer {
                arrived = []
                byteCount = 0
                isPaused = false
            }
            (batch, index) = (arrived, 0)
            return (!batch.isEmpty, isPaused)
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether the consumer has to take messages before more are read.
    var isPaused: Bool { state.withLock { $0.isPaused } }

    /// Messages that have arrived and are not taken.
    var count: Int { state.withLock { $0.batch.count - $0.index + $0.arrived.count } }

    /// The log of a message that the consumer has taken: see ``SeenMessages``.
    func log(of offset: Int64) -> LogTag? { state.withLock { $0.seen.log(of: offset) } }

    /// Returns whether there is room for more.
    func append(_ messages: [Message], byteCount: Int) -> Bool {
        let (woken, hasRoom) = state.withLock { state in
            state.arrived.append(contentsOf: messages)
            state.byteCount += byteCount
            if state.byteCount >= limit { state.isPaused = true }
            return (state.waiters.takeAll(), !state.isPaused)
        }
        woken.resume()
        return hasRoom
    }

    /// What is buffered is still delivered; then the error is thrown, or the sequence ends. The first call counts.
    func finish(_ failure: MQError?) {
        let woken = state.withLock { state in
            if !state.isFinished {
                state.isFinished = true
                state.failure = failure
            }
            return state.waiters.takeAll()
        }
        woken.resume()
    }

    /// The next message, if it was taken out of the buffer before: most are.
    func takeReady() -> Message? {
        state.withLock { state in
            guard state.index < state.batch.count else { return nil }
            defer { state.index += 1 }
            state.seen.note(state.batch[state.index])
            return state.batch[state.index]
        }
    }

    /// The next message; `nil` at the end. `resume` is called where reading had stopped.
    func next(resume: () -> Void) async throws(MQError) -> Message? {
        while try await hasMessages(resume) {
            if let message = takeReady() { return message }
        }
        return nil
    }

    /// All that has arrived, at least one message; `nil` at the end.
    func nextBatch(resume: () -> Void) async throws(MQError) -> [Message]? {
        while try await hasMessages(resume) {
            let taken = state.withLock { state in
                let taken = state.index == 0 ? state.batch : Array(state.batch[state.index...])
                for message in taken { state.seen.note(message) }
                (state.batch, state.index) = ([], 0)
                return taken
            }
            if !taken.isEmpty { return taken }
        }
        return nil
    }

    /// Waits until there is a message; `false` at the end.
    private func hasMessages(_ resume: () -> Void) async throws(MQError) -> Bool {
        while true {
            if Task.isCancelled { throw .cancelled }
            let (hasMessage, wasPaused, isFinished, failure) = state.withLock { state in
                let (hasMessage, wasPaused) = state.refill()
                return (hasMessage, wasPaused, state.isFinished, state.failure)
            }
            if wasPaused { resume() }
            if hasMessage { return true }
            if let failure { throw failure }
            if isFinished { return false }
            await state.wait(\.waiters) { $0.isEmpty && !$0.isFinished }
        }
    }
}
