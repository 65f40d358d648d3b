import Synchronization
import TelemetryIO
import TelemetryModels

/// Connects the task that reads messages with the task that writes to the store: contains one group, and makes the
/// reader wait while that group is full, so that reading stops while the store is unavailable.
final class GroupMailbox: Sendable {
    private struct State {
        var grouper: SampleGrouper
        var hasEnded = false
        var reader = Waiters()
        var writer = Waiters()
        /// The timer of the current wait, and the last that fired, which may happen before the wait begins.
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
        await state.waitThroughCancellation(\.reader) { $0.grouper.isFull && !$0.hasEnded }
        let woken = state.withLock { state -> Waiters.Woken? in
            guard !state.hasEnded else { return nil }
            let opens = state.grouper.deadline == nil
            state.grouper.add(batch, bytes: bytes, position: position, now: clock.monotonic())
            // The first message sets the writer's timer; a full group ends its wait.
            guard opens || state.grouper.isFull else { return nil }
            return state.writer.takeAll()
        }
        woken?.resume()
    }

    /// Records that there are no more messages: the current group is due.
    func end() {
        let waiting = state.withLock { state in
            state.hasEnded = true
            return [state.reader.takeAll(), state.writer.takeAll()]
        }
        for woken in waiting { woken.resume() }
    }

    /// Returns the next group that is full or due, or the last; `nil` at the end.
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
        let (taken, woken) = state.withLock { state -> (Taken, Waiters.Woken?) in
            guard let deadline = state.grouper.deadline else { return (state.hasEnded ? .end : .empty, nil) }
            if state.grouper.isFull || state.hasEnded || deadline <= now {
                return (.group(state.grouper.take()), state.reader.takeAll())
            }
            return (.due(in: deadline - now), nil)
        }
        woken?.resume()
        return taken
    }

    /// Returns when something has changed since ``take()``, at once if it already has.
    private func signal() async {
        await state.waitThroughCancellation(\.writer) { !$0.hasEnded && $0.grouper.deadline == nil }
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
            await state.waitThroughCancellation(\.writer) {
                !$0.hasEnded && !$0.grouper.isFull && $0.firedTimer != timer
            }
            tasks.cancelAll()
        }
    }

    private func fire(_ timer: Int) {
        let woken = state.withLock { state in
            state.firedTimer = timer
            return state.writer.takeAll()
        }
        woken.resume()
    }
}
