/// Waits for bytes on a descriptor that no event loop owns, such as that of standard input, on a thread of its own.
///
/// The descriptor is neither read, nor closed, nor made non-blocking. One task waits at a time.
package final class InputWatch: Sendable {
    private let loop: EventLoop
    private let core: LoopBound<InputWatchCore>

    package init(_ descriptor: Int32) throws {
        loop = try EventLoop.start(name: "input")
        core = LoopBound(InputWatchCore(descriptor: descriptor, loop: loop), to: loop)
    }

    deinit { loop.stop() }

    /// Returns when there are bytes or the end is reached, and when the task is cancelled.
    package func readable() async {
        let (loop, core) = (loop, core)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.execute { core.value.wait(continuation) }
                // A cancellation before this had nobody to wake; a later one finds the continuation.
                if Task.isCancelled { loop.execute { core.value.wake() } }
            }
        } onCancel: {
            loop.execute { core.value.wake() }
        }
    }
}

private final class InputWatchCore: EventHandler {
    private let descriptor: Int32
    private let loop: EventLoop
    private var waiting: CheckedContinuation<Void, Never>?

    init(descriptor: Int32, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    func wait(_ continuation: CheckedContinuation<Void, Never>) {
        precondition(waiting == nil, "two tasks wait for descriptor \(descriptor)")
        do {
            // Watched while somebody waits, and no longer: the event is announced as long as nobody reads.
            try loop.register(descriptor, events: .readable, handler: self)
            waiting = continuation
        } catch {
            // What cannot be watched, such as a file, never makes its reader wait; what is broken tells the reader so.
            continuation.resume()
        }
    }

    func ready(_ events: EventSet) { wake() }

    func wake() {
        guard let waiting = waiting.take() else { return }
        loop.deregister(descriptor)
        waiting.resume()
    }
}
