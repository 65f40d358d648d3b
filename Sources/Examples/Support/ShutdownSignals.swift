import Glibc
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a request to drain and end. A second one ends the process at once.
///
/// A signal that the parent had ignored stays ignored, as `nohup` and background jobs of a shell expect.
package final class ShutdownSignals: Sendable {
    private let stream: AsyncStream<String>

    /// Blocks the signals in the calling thread, which must be the first one and have started no other: threads that
    /// start later inherit the mask, so that only the waiting thread takes the signals. Ignores SIGPIPE.
    package init() {
        signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            var action = sigaction()
            sigaction(number, nil, &action)
            let ignored = withUnsafeBytes(of: action.__sigaction_handler) { $0.load(as: Int.self) } == 1
            if !ignored { sigaddset(&set, number) }
        }
        pthread_sigmask(SIG_BLOCK, &set, nil)

        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        self.stream = stream
        let box = Unmanaged.passRetained(Waiter(set: set, continuation: continuation))
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { raw in
                Unmanaged<Waiter>.fromOpaque(raw!).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }

    /// The name of the first signal, once it arrives; `nil` when the waiting task is cancelled.
    package func first() async -> String? {
        for await name in stream { return name }
        return nil
    }
}

private final class Waiter {
    var set: sigset_t
    let continuation: AsyncStream<String>.Continuation

    init(set: sigset_t, continuation: AsyncStream<String>.Continuation) {
        self.set = set
        self.continuation = continuation
    }

    func run() {
        var isSecond = false
        while true {
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0 else { continue }
            if isSecond { _exit(128 + number) }
            isSecond = true
            continuation.yield([SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][number] ?? "signal \(number)")
        }
    }
}
