/// Runs `work` until it ends, or until `stop` returns a reason; then gives it `limit` to finish what it has begun.
///
///     try await drain(until: signal, within: .seconds(10), onStop: { _ in queue.finish() }) {
///         try await store(queue)
///     }
///
/// When `stop` returns a reason, `onStop` is called with it, and has to make `work` take nothing new. If `work` has not
/// ended `limit` later, `onTimeout` is called and the task of `work` is cancelled, which has to end it. Drains can be
/// nested, for several reasons to stop.
///
/// Returns what `work` returns and throws what it throws; by then neither closure is running or will be called. If the
/// calling task is cancelled, the task of `work` is cancelled too, without `onStop`.
///
/// - Parameters:
///   - stop: waits for the reason to stop, for example a signal. It has to return soon, with `nil`, when its task is
///     cancelled; with `nil`, `work` goes on to its end.
///   - limit: how long `work` may take to end after `onStop`.
///   - onStop: called once, from any thread. Default: does nothing.
///   - onTimeout: called at most once, after `onStop`, from any thread. Default: does nothing.
///   - work: runs in a task of its own.
public func drain<Reason: Sendable, Output: Sendable>(
    until stop: @escaping @Sendable () async -> Reason?, within limit: Duration,
    onStop: @escaping @Sendable (Reason) -> Void = { _ in }, onTimeout: @escaping @Sendable () -> Void = {},
    work: @escaping @Sendable () async throws -> Output
) async throws -> Output {
    let working = Task { try await work() }
    let stopping = Task {
        guard let reason = await stop() else { return }
        onStop(reason)
        guard (try? await Task.sleep(for: limit)) != nil else { return }
        onTimeout()
        working.cancel()
    }
    let result = await withTaskCancellationHandler {
        await working.result
    } onCancel: {
        working.cancel()
    }
    stopping.cancel()
    await stopping.value
    return try result.get()
}
