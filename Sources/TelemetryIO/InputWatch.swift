import Synchronization

/// Waits for bytes on a descriptor that no event loop owns, such as that of standard input, on a thread of its own.
///
/// The descriptor is not read, closed or made non-blocking. One task may wait at a time.
package final class InputWatch: Sendable {
    private let loop: EventLoop
    private let core: LoopBound<InputWatchCore>
    private let state: InputWatchState

    package init(_ descriptor: Int32) throws {
        loop = try EventLoop.start(name: "input")
        state = InputWatchState()
        core = LoopBound(InputWatchCore(descriptor: descriptor, loop: loop, state: state), to: loop)
    }

    deinit { loop.stop() }

    /// Returns when there are bytes or the end is reached, or when the task is cancelled.
    package func readable() async {
        let core = core
        state.begin()
        loop.execute { core.value.watch() }
        await state.wait()
        // A task that is cancelled leaves the descriptor watched.
        if state.end() { loop.execute { core.value.unwatch() } }
    }
}

private final class InputWatchState: Sendable {
    private struct State {
        var isWaiting = false
        var waiters = Waiters()
    }

    private let state = Mutex(State())

    func begin() {
        state.withLock { state in
            precondition(!state.isWaiting, "two tasks are waiting for the same input")
            state.isWaiting = true
        }
    }

    func wait() async { await state.wait(\.waiters) { $0.isWaiting } }

    /// Returns whether a task was still waiting.
    @discardableResult
    func end() -> Bool {
        let (woken, wasWaiting) = state.withLock { state in
            defer { state.isWaiting = false }
            return (state.waiters.takeAll(), state.isWaiting)
        }
        woken.resume()
        return wasWaiting
    }
}

private final class InputWatchCore: EventHandler {
    private let descriptor: Int32
    private let loop: EventLoop
    private let state: InputWatchState
    private var isWatching = false

    init(descriptor: Int32, loop: EventLoop, state: InputWatchState) {
        self.descriptor = descriptor
        self.loop = loop
        self.state = state
    }

    func watch() {
        do {
            // Watched only while a task waits: the event is reported as long as nobody reads.
            try loop.register(descriptor, events: .readable, handler: self)
            isWatching = true
        } catch {
            // A descriptor that cannot be watched, such as a file, never makes its reader wait; a broken one returns
            // its error on read.
            state.end()
        }
    }

    func unwatch() {
        guard isWatching else { return }
        isWatching = false
        loop.deregister(descriptor)
    }

    func ready(_ events: EventSet) {
        unwatch()
        state.end()
    }
}
