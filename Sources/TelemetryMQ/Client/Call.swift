import Synchronization
import TelemetryNet

/// One request of a task to something on the loop: waits for the answer, and ends at once when the task is cancelled.
final class Call<Answer: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result<Answer, MQError>, Never>?
        var isOver = false
        /// By which the request can be withdrawn.
        var number: Int64?
    }

    private let state = Mutex(State())

    /// `begin` and `cancel` run on the loop. `begin` may answer at once.
    func run(
        on loop: EventLoop, begin: @escaping @Sendable (@escaping @Sendable (Result<Answer, MQError>) -> Void) -> Int64?,
        cancel: @escaping @Sendable (Int64) -> Void
    ) async throws(MQError) -> Answer {
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.continuation = continuation }
                if Task.isCancelled { return finish(.failure(.cancelled)) }
                loop.execute { [self] in
                    guard !state.withLock({ $0.isOver }) else { return }
                    let number = begin { self.finish($0) }
                    let isOver = state.withLock { state in
                        state.number = number
                        return state.isOver
                    }
                    // Cancelled meanwhile: the handler did not know the number yet.
                    if isOver, let number { cancel(number) }
                }
            }
        } onCancel: { [self] in
            // Withdrawn before the caller goes on.
            let continuation = end()
            defer { continuation?.resume(returning: .failure(.cancelled)) }
            loop.execute { [self] in
                if let number = state.withLock({ $0.number }) { cancel(number) }
            }
        }
        return try result.get()
    }

    private func finish(_ result: Result<Answer, MQError>) { end()?.resume(returning: result) }

    /// The one who waits, if nothing has ended the call yet.
    private func end() -> CheckedContinuation<Result<Answer, MQError>, Never>? {
        state.withLock { state in
            guard !state.isOver, let continuation = state.continuation else { return nil }
            state.isOver = true
            state.continuation = nil
            return continuation
        }
    }
}
