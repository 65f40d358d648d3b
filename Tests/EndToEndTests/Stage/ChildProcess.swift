import Foundation
import Synchronization

/// A program that a test started: its output goes to files, and its end can be awaited.
final class ChildProcess: Sendable {
    let name: String
    let pid: pid_t
    let outputPath: String
    let errorPath: String
    private let hasTerminal: Bool
    private let ending = Ending()

    /// Starts `executable` in a process group of its own, with exactly these variables.
    ///
    /// - Parameters:
    ///   - input: what standard input is; without one it is empty.
    ///   - terminal: where standard error goes instead of to a file.
    init(
        name: String, executable: String, arguments: [String], environment: [String: String], directory: URL, run: Int,
        input: Int32? = nil, terminal: String? = nil
    ) throws {
        self.name = name
        hasTerminal = terminal != nil
        outputPath = directory.appending(path: "\(name)-\(run).out").path
        errorPath = terminal ?? directory.appending(path: "\(name)-\(run).err").path

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0o644)
        // What tests beside this one have open at this moment would count among the program's descriptors.
        for other: Int32 in 3..<1024 { posix_spawn_file_actions_addclose(&actions, other) }

        // The test runner's own mask and ignored signals must not decide how a program ends.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&defaults, number) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        // Where a test run is killed, its programs go with it. The signal comes when the thread that started them ends, so
        // that is the thread that waits for them.
        let guardian = "/usr/bin/setpriv"
        let isGuarded = FileManager.default.isExecutableFile(atPath: guardian)
        let words = (isGuarded ? [guardian, "--pdeathsig", "KILL"] : []) + [executable] + arguments
        let started = Mutex<(pid: pid_t, code: Int32)>((0, 0))
        let hasStarted = DispatchSemaphore(value: 0)
        let spawn = Spawn(actions: actions, attributes: attributes, words: words, environment: environment)
        let thread = Thread { [ending] in
            let (pid, code) = spawn.perform()
            started.withLock { $0 = (pid, code) }
            hasStarted.signal()
            guard code == 0 else { return }
            ending.finish(ChildProcess.wait(for: pid))
        }
        thread.start()
        hasStarted.wait()
        let (pid, code) = started.withLock { $0 }
        guard code == 0 else { throw StageError("start \(executable): \(String(cString: strerror(code)))") }
        self.pid = pid
    }

    /// As a shell says it: the exit code, or 128 and the signal.
    private static func wait(for pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }

    /// What the starting thread needs; nobody else uses it meanwhile.
    private struct Spawn: @unchecked Sendable {
        var actions: posix_spawn_file_actions_t
        var attributes: posix_spawnattr_t
        var words: [String]
        var environment: [String: String]

        func perform() -> (pid: pid_t, code: Int32) {
            var (actions, attributes) = (actions, attributes)
            var argv = words.map { strdup($0) } + [nil]
            var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
            defer { for text in argv + envp { free(text) } }
            var pid: pid_t = 0
            let code = posix_spawn(&pid, words[0], &actions, &attributes, &argv, &envp)
            return (pid, code)
        }
    }

    private final class Ending: Sendable {
        let state = Mutex<(code: Int32?, waiting: [CheckedContinuation<Int32, Never>])>((nil, []))

        func finish(_ code: Int32) {
            let waiting = state.withLock { state in
                state.code = code
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: code) }
        }
    }

    var isRunning: Bool { ending.state.withLock { $0.code == nil } }

    /// The exit code once the program has ended.
    func ended() async -> Int32 {
        await withCheckedContinuation { continuation in
            let code = ending.state.withLock { ending in
                if ending.code == nil { ending.waiting.append(continuation) }
                return ending.code
            }
            if let code { continuation.resume(returning: code) }
        }
    }

    /// Sends a signal, unless the program has ended already.
    func send(_ signal: Int32) {
        ending.state.withLock { ending in
            if ending.code == nil { _ = kill(pid, signal) }
        }
    }

    /// Asks the program to drain and end, and returns its exit code; kills it where it hangs.
    @discardableResult
    func terminate(within limit: Duration = .seconds(60)) async -> Int32 {
        send(SIGTERM)
        return await endedOrKilled(within: limit)
    }

    /// The exit code of a program that ends by itself; after `limit` it is killed, which is code 137.
    func endedOrKilled(within limit: Duration = .seconds(120)) async -> Int32 {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await Task.sleep(for: limit)
                if !Task.isCancelled { self.send(SIGKILL) }
            }
            let code = await ended()
            group.cancelAll()
            return code
        }
    }

    var output: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }
    /// Empty where standard error is a terminal, which the test reads itself.
    var errors: String { hasTerminal ? "" : (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }

    /// The JSON objects that the program has logged.
    var logged: [[String: Any]] {
        errors.split(separator: "\n").compactMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
        }
    }

    /// The first logged object whose message begins so.
    func logged(_ message: String) -> [String: Any]? {
        logged.first { ($0["message"] as? String)?.hasPrefix(message) == true }
    }
}

struct StageError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
