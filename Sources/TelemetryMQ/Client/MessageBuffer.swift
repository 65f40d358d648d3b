import Synchronization
import TelemetryIO

/// The buffer between the loop that receives and the tasks that consume: stores at most about `limit` bytes, and tells
/// the loop when to stop reading.
///
/// All iterators of a subscription read from here and keep no messages themselves, so the next one continues exactly
/// where the previous one stopped. Each message is delivered to one of them.
final class MessageBuffer: Sendable {
    private struct State {
        /// The chunk being consumed, from `index` on.
        var batch: [Message] = []
        var index = 0
        /// The chunks that arrived after it.
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

    /// The number of messages that have arrived and are not consumed.
    var count: Int { state.withLock { $0.batch.count - $0.index + $0.arrived.count } }

    /// The log of a message that was consumed: see ``SeenMessages``.
    func log(of offset: Int64) -> LogTag? { state.withLock { $0.seen.log(of: offset) } }

    /// Returns whether there is space for more.
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

    /// Ends the sequence, or throws the error, after the buffered messages were delivered. The first call counts.
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

    /// Returns the next message if it was already taken out of the buffer, as most are.
    func takeReady() -> Message? {
        state.withLock { state in
            guard state.index < state.batch.count else { return nil }
            defer { state.index += 1 }
            state.seen.note(state.batch[state.index])
            return state.batch[state.index]
        }
    }

    /// Returns the next message; `nil` at the end. Calls `resume` if reading had stopped.
    func next(resume: () -> Void) async throws(MQError) -> Message? {
        while try await hasMessages(resume) {
            if let message = takeReady() { return message }
        }
        return nil
    }

    /// Returns all messages that have arrived, at least one; `nil` at the end.
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

    /// Waits until there is a message; returns `false` at the end.
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
