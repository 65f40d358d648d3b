import Foundation
import Synchronization
import Testing

/// The programs of one test, in one temporary directory. When the test ends, however it ends, none is left running.
final class Stage: Sendable {
    let directory: URL
    private let children = Mutex<[ChildProcess]>([])

    private init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "telemetry-e2e-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    /// Runs a test's body. Where it fails, the programs' last log lines are part of the failure.
    static func run(_ body: (Stage) async throws -> Void) async throws {
        let stage = try Stage()
        var failure: (any Error)?
        do { try await body(stage) } catch { failure = error }
        let children = stage.children.withLock { $0 }
        for child in children.reversed() {
            child.send(SIGKILL)
            _ = await child.ended()
        }
        if failure != nil {
            for child in children {
                let lines = child.errors.split(separator: "\n").suffix(8).joined(separator: "\n    ")
                print("--- \(child.name) (pid \(child.pid)), last lines:\n    \(lines)")
            }
        }
        try? FileManager.default.removeItem(at: stage.directory)
        if let failure { throw failure }
    }

    /// Starts any executable.
    @discardableResult
    func start(
        _ name: String, executable: String, arguments: [String] = [], environment: [String: String] = [:],
        input: Int32? = nil,
        terminal: String? = nil
    ) throws -> ChildProcess {
        try children.withLock { children in
            let child = try ChildProcess(
                name: name, executable: executable, arguments: arguments, environment: environment,
                directory: directory, run: children.count, input: input, terminal: terminal)
            children.append(child)
            return child
        }
    }

    /// Starts one of our programs, which logs JSON and knows only these variables; `wrapper` is a command that runs it.
    @discardableResult
    func start(
        _ program: Executable, _ environment: [String: String] = [:], arguments: [String] = [],
        under wrapper: [String] = [],
        input: Int32? = nil, terminal: String? = nil
    ) throws -> ChildProcess {
        var variables = ["LOG_FORMAT": "json", "PATH": "/usr/bin:/bin"]
        // Where coverage is measured, what the programs reach counts too.
        variables["LLVM_PROFILE_FILE"] = ProcessInfo.processInfo.environment["LLVM_PROFILE_FILE"]
        let words = wrapper + [program.path] + arguments
        return try start(
            program.rawValue, executable: words[0], arguments: Array(words.dropFirst()),
            environment: variables.merging(environment) { $1 }, input: input, terminal: terminal)
    }

    func path(_ name: String) -> String { directory.appending(path: name).path }

    func write(_ text: String, to name: String) throws -> String {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        return path(name)
    }
}

enum Executable: String, CaseIterable, Sendable {
    case mqServer = "mq-server"
    case streamer, collector, api

    /// Where the build that made this test bundle has put the program.
    var path: String {
        var places = [URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()]
        places += CommandLine.arguments.filter { $0.hasSuffix(".xctest") }.map { URL(filePath: $0) }
        let found = places.map { $0.deletingLastPathComponent().appending(path: rawValue).path }
        return found.first { FileManager.default.isExecutableFile(atPath: $0) } ?? found[0]
    }
}

/// Asks again and again until there is an answer; an error after `limit` says what was awaited.
func eventually<T>(
    _ what: String, within limit: Duration = .seconds(120), unless child: ChildProcess? = nil,
    _ probe: () async throws -> T?
) async throws -> T {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    var last: (any Error)?
    while true {
        // On a busy machine an answer may be long in being taken notice of: what counts is when it was asked for.
        let asked = clock.now
        do {
            if let value = try await probe() { return value }
        } catch {
            last = error
        }
        if let child, !child.isRunning {
            throw StageError("\(child.name) ended while waiting for \(what): \(child.errors.suffix(2000))")
        }
        guard asked < deadline else {
            throw StageError("no \(what) after \(limit)\(last.map { ": \($0)" } ?? "")")
        }
        try await Task.sleep(for: .milliseconds(20))
    }
}

func eventuallyTrue(
    _ what: String, within limit: Duration = .seconds(120), unless child: ChildProcess? = nil,
    _ probe: () async throws -> Bool
) async throws {
    _ = try await eventually(what, within: limit, unless: child) { try await probe() ? true : nil }
}
