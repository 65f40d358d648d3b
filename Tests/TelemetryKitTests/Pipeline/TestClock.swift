import Synchronization
import TelemetryKit

/// Time that passes only when someone sleeps: a wait is over at once and has taken as long as it asked for.
final class LeapingClock: Sendable {
    private let state: Mutex<(elapsed: Duration, sleeps: [Duration])>
    private let start: Timestamp

    init(start: Timestamp = Timestamp(nanoseconds: 1_752_871_354_000_000_000)) {
        state = Mutex((.zero, []))
        self.start = start
    }

    var elapsed: Duration { state.withLock { $0.elapsed } }
    var sleeps: [Duration] { state.withLock { $0.sleeps } }

    func advance(by duration: Duration) { state.withLock { $0.elapsed += duration } }

    var clock: PipelineClock {
        PipelineClock(
            wall: { [self] in Timestamp(nanoseconds: start.nanoseconds + Int64(elapsed / .nanoseconds(1))) },
            monotonic: { [self] in elapsed },
            sleep: { [self] duration in
                try Task.checkCancellation()
                state.withLock { state in
                    state.elapsed += duration
                    state.sleeps.append(duration)
                }
                await Task.yield()
            })
    }
}

/// Time that stands until the test moves it. A sleeper wakes when its time has come, or when it is cancelled.
final class HandClock: Sendable {
    private struct State {
        var elapsed = Duration.zero
        var sleepers: [Int: (until: Duration, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var nextID = 0
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var clock: PipelineClock {
        PipelineClock(
            wall: { [self] in Timestamp(nanoseconds: Int64(state.withLock { $0.elapsed } / .nanoseconds(1))) },
            monotonic: { [self] in state.withLock { $0.elapsed } },
            sleep: { [self] in try await sleep($0) })
    }

    private func sleep(_ duration: Duration) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let watchers = state.withLock { state in
                    state.sleepers[id] = (state.elapsed + duration, continuation)
                    defer { state.watchers = [] }
                    return state.watchers
                }
                for watcher in watchers { watcher.resume() }
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func cancel(_ id: Int) {
        state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
    }

    /// Returns when somebody sleeps.
    func sleeperArrives() async {
        await withCheckedContinuation { continuation in
            let sleeps = state.withLock { state in
                if state.sleepers.isEmpty { state.watchers.append(continuation) }
                return !state.sleepers.isEmpty
            }
            if sleeps { continuation.resume() }
        }
    }

    func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.elapsed += duration
            let due = state.sleepers.filter { $0.value.until <= state.elapsed }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }
}
