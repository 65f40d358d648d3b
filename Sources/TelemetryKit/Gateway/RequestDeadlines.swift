import Synchronization
import TelemetryBase

/// An error: the response to a request took too long.
struct DeadlineExceeded: Error {}

/// Gives each request a deadline for its response.
///
/// When the deadline passes, or the client disconnects, the request's work is cancelled and its result no longer
/// awaited: even a store that ignores cancellation does not delay the response. One task checks all requests, several
/// times per second and only while there are any: a timer per request would outlive it by the whole deadline.
final class RequestDeadlines: Sendable {
    private struct State {
        var running: [Int: (deadline: ContinuousClock.Instant, expire: @Sendable () -> Void)] = [:]
        var nextID = 0
        var isWatching = false
    }

    private static let interval = Duration.milliseconds(50)

    private let state = Mutex(State())

    /// The number of requests that have a deadline now.
    var count: Int { state.withLock { $0.running.count } }

    /// Returns the result of `body`, or throws ``DeadlineExceeded`` after `limit`; `CancellationError` if the calling
    /// task is cancelled.
    ///
    /// - Parameter executor: runs the body; `nil` for the caller's thread up to its first suspension.
    func run<Value: Sendable>(
        within limit: Duration, on executor: (any TaskExecutor)?, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let race = Race<Value>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                race.begin(continuation)
                let id = watch(until: ContinuousClock.now + limit) { race.end(.failure(DeadlineExceeded())) }
                let work: @Sendable () async -> Void = {
                    let result: Result<Value, any Error>
                    do { result = .success(try await body()) } catch { result = .failure(error) }
                    self.forget(id)
                    race.end(result)
                }
                if let executor {
                    race.attach(Task(executorPreference: executor, operation: work))
                } else {
                    race.attach(Task.immediate(operation: work))
                }
            }
        } onCancel: {
            race.end(.failure(CancellationError()))
        }
    }

    private func watch(until deadline: ContinuousClock.Instant, _ expire: @escaping @Sendable () -> Void) -> Int {
        let (id, needsWatcher) = state.withLock { state in
            defer { (state.nextID, state.isWatching) = (state.nextID + 1, true) }
            state.running[state.nextID] = (deadline, expire)
            return (state.nextID, !state.isWatching)
        }
        if needsWatcher { Task.detached { await self.expireAll() } }
        return id
    }

    private func forget(_ id: Int) { state.withLock { _ = $0.running.removeValue(forKey: id) } }

    /// Runs until there are no requests.
    private func expireAll() async {
        while true {
            try? await Task.sleep(for: Self.interval)
            let overdue = state.withLock { state -> [@Sendable () -> Void]? in
                if state.running.isEmpty {
                    state.isWatching = false
                    return nil
                }
                let now = ContinuousClock.now
                let overdue = state.running.filter { $0.value.deadline <= now }
                for id in overdue.keys { state.running[id] = nil }
                return overdue.values.map(\.expire)
            }
            guard let overdue else { return }
            for expire in overdue { expire() }
        }
    }
}

/// The first of: the work's result, the deadline, or the caller's cancellation.
private final class Race<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var task: Task<Void, Never>?
        /// The outcome, until there is a continuation to receive it.
        var early: Result<Value, any Error>?
        var isOver = false
    }

    private let state = Mutex(State())

    func begin(_ continuation: CheckedContinuation<Value, any Error>) {
        let early = state.withLock { state in
            if state.early == nil { state.continuation = continuation }
            return state.early
        }
        if let early { continuation.resume(with: early) }
    }

    func attach(_ task: Task<Void, Never>) {
        let isOver = state.withLock { state in
            if !state.isOver { state.task = task }
            return state.isOver
        }
        // Cancelling a task that has finished does nothing.
        if isOver { task.cancel() }
    }

    func end(_ result: Result<Value, any Error>) {
        let (continuation, task) = state.withLock {
            state -> (CheckedContinuation<Value, any Error>?, Task<Void, Never>?) in
            guard !state.isOver else { return (nil, nil) }
            state.isOver = true
            defer { (state.continuation, state.task) = (nil, nil) }
            if state.continuation == nil { state.early = result }
            return (state.continuation, state.task)
        }
        if case .failure = result { task?.cancel() }
        continuation?.resume(with: result)
    }
}
