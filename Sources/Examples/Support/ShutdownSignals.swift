import Glibc
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a request to drain and end. A second request ends the process at once. One object a process.
///
/// What follows a signal within a fifth of a second is the same request: timeout(1), for one, sends its signal to the program and then
/// to the program's group.
///
/// A signal that the parent had ignored stays ignored, as `nohup` and background jobs of a shell expect.
package final class ShutdownSignals: Sendable {
    private let stream: AsyncStream<String>

    /// Takes the signals from here on, and ignores SIGPIPE.
    ///
    /// By a handler and a pipe: to block the signals and wait for them does not do, since the first thread of an async
    /// `main` is suspended by the runtime with no signal blocked. Throws if the system has no descriptor or no thread
    /// left for them.
    package init() throws(ProgramError) {
        signal(SIGPIPE, SIG_IGN)
        var pipe: [Int32] = [-1, -1]
        guard Glibc.pipe(&pipe) == 0 else {
            throw ProgramError("no pipe for signals: \(String(cString: strerror(errno)))")
        }
        signalPipe.store(pipe[1], ordering: .releasing)

        for number in [SIGINT, SIGTERM, SIGHUP] {
            var present = sigaction()
            sigaction(number, nil, &present)
            // SIG_IGN is the address 1.
            let isIgnored = withUnsafeBytes(of: present.__sigaction_handler) { $0.load(as: UInt.self) } == 1
            if isIgnored { continue }
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let before = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(signalPipe.load(ordering: .acquiring), &byte, 1)
                errno = before
            }
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }

        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        self.stream = stream
        try SignalReader(descriptor: pipe[0], continuation: continuation).start()
    }

    /// The name of the first signal, once it arrives; `nil` when the waiting task is cancelled.
    package func first() async -> String? {
        for await name in stream { return name }
        return nil
    }
}

/// Where the handler writes the signal's number.
private let signalPipe = Atomic<Int32>(-1)

/// A thread that reads the signals' numbers, for the life of the process.
private final class SignalReader: Sendable {
    private let descriptor: Int32
    private let continuation: AsyncStream<String>.Continuation

    init(descriptor: Int32, continuation: AsyncStream<String>.Continuation) {
        self.descriptor = descriptor
        self.continuation = continuation
    }

    func start() throws(ProgramError) {
        var thread = pthread_t()
        let reader = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<SignalReader>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, reader.toOpaque())
        guard code == 0 else {
            reader.release()
            throw ProgramError("no thread for signals: \(String(cString: strerror(code)))")
        }
        pthread_detach(thread)
    }

    private func run() {
        var first: ContinuousClock.Instant?
        while true {
            var number: UInt8 = 0
            let count = read(descriptor, &number, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return }
            if let first {
                if ContinuousClock.now - first < .milliseconds(200) { continue }
                _exit(128 + Int32(number))
            }
            first = .now
            continuation.yield(
                [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][Int32(number)] ?? "signal \(number)")
        }
    }
}
