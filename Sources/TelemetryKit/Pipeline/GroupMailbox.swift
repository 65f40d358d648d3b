import Synchronization
import TelemetryModels

/// Between the task that reads messages and the task that writes to the store: holds one group, and makes the reader wait
/// while that group is full. So nothing is read for long while the store is away.
final class GroupMailbox: Sendable {
    private struct State {
        var grouper: SampleGrouper
        var hasEnded = false
        var reader: CheckedContinuation<Void, Never>?
        var writer: CheckedContinuation<Void, Never>?
        /// The timer of the present wait, and the last that fired: it may do so before the wait begins.
        var timer = 0
        var firedTimer = 0
    }

    private let state: Mutex<State>
    private let clock: PipelineClock

    init(size: Int, bytes: Int, interval: Duration, clock: PipelineClock) {
        state = Mutex(State(grouper: SampleGrouper(size: size, bytes: bytes, interval: interval)))
        self.clock = clock
    }

    var sampleCount: Int { state.withLock { $0.grouper.sampleCount } }

    /// Waits while the group is full. Does nothing after ``end()``.
    func add(_ batch: MetricBatch?, bytes: Int, position: CollectorPosition) async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state -> Bool in
                if !state.grouper.isFull || state.hasEnded { return true }
                state.reader = continuation
                return false
            }
            if ready { continuation.resume() }
        }
        let writer = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.hasEnded else { return nil }
            let opens = state.grouper.deadline == nil
            state.grouper.add(batch, bytes: bytes, position: position, now: clock.monotonic())
            // The first message sets the writer's timer; a full group ends its wait.
            guard opens || state.grouper.isFull else { return nil }
            return state.writer.take()
        }
        writer?.resume()
    }

    /// No more messages: what is held is due.
    func end() {
        let waiting = state.withLock { state in
            state.hasEnded = true
            return [state.reader.take(), state.writer.take()]
        }
        for continuation in waiting { continuation?.resume() }
    }

    /// The next group that is full or due, or the last; `nil` at the end.
    func next() async -> SampleGroup? {
        while true {
            switch take() {
            case .group(let group): return group
            case .end: return nil
            case .empty: await signal()
            case .due(let wait): await signal(orAfter: wait)
            }
        }
    }

    private enum Taken {
        case group(SampleGroup)
        case end
        case empty
        case due(in: Duration)
    }

    private func take() -> Taken {
        let now = clock.monotonic()
        let (taken, reader) = state.withLock { state -> (Taken, CheckedContinuation<Void, Never>?) in
            guard let deadline = state.grouper.deadline else { return (state.hasEnded ? .end : .empty, nil) }
            if state.grouper.isFull || state.hasEnded || deadline <= now {
                return (.group(state.grouper.take()), state.reader.take())
            }
            return (.due(in: deadline - now), nil)
        }
        reader?.resume()
        return taken
    }

    /// Returns when something changed since ``take()``, at once where it already has.
    private func signal() async {
        await withCheckedContinuation { continuation in
            let isDue = state.withLock { state -> Bool in
                if state.hasEnded || state.grouper.deadline != nil { return true }
                state.writer = continuation
                return false
            }
            if isDue { continuation.resume() }
        }
    }

    private func signal(orAfter wait: Duration) async {
        let timer = state.withLock { state in
            state.timer += 1
            return state.timer
        }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { [self] in
                // A wait is cancelled because it is no longer needed, or with the pipeline, which ends the mailbox.
                guard (try? await clock.sleep(wait)) != nil else { return }
                fire(timer)
            }
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state -> Bool in
                    if state.hasEnded || state.grouper.isFull || state.firedTimer == timer { return true }
                    state.writer = continuation
                    return false
                }
                if isDue { continuation.resume() }
            }
            tasks.cancelAll()
        }
    }

    private func fire(_ timer: Int) {
        let writer = state.withLock { state in
            state.firedTimer = timer
            return state.writer.take()
        }
        writer?.resume()
    }
}
