import Synchronization
import TelemetryIO

/// One request of a task to an object on the loop: waits for the response, and ends at once when the task is cancelled.
final class Call<Answer: Sendable>: Sendable {
    private let response = Promise<Answer>()
    /// Identifies the request when it is cancelled. Used on the loop.
    private let number = Mutex<Int64?>(nil)

    /// `begin` and `cancel` run on the loop. `begin` may respond at once; the id that it returns is passed to `cancel`.
    func run(
        on loop: EventLoop,
        begin: @escaping @Sendable (@escaping @Sendable (Result<Answer, MQError>) -> Void) -> Int64?,
        cancel: @escaping @Sendable (Int64) -> Void
    ) async throws(MQError) -> Answer {
        if Task.isCancelled { throw .cancelled }
        let isRunning = loop.execute { [self] in
            guard response.result == nil else { return }
            let number = begin { self.response.complete($0) }
            self.number.withLock { $0 = number }
        }
        guard isRunning else { throw MQError(.closed, "the client's thread has ended") }
        do {
            return try await response.value()
        } catch {
            guard error.code == .cancelled else { throw error }
            // Cancelled before the caller continues: its next work on the loop comes after this.
            response.complete(.failure(error))
            loop.execute { [self] in
                if let number = number.withLock({ $0 }) { cancel(number) }
            }
            throw error
        }
    }
}
