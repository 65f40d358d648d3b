import FaultSupport
import Foundation
import Glibc

@testable import TelemetryDatabases
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL

/// A server of another maker on a free loopback port with a directory of its own; stopped by process id when the last reference goes.
final class RealServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let url: String
    let directory: String
    private let process: pid_t

    /// - Parameters:
    ///   - ready: a path that is answered with 2xx once the server is ready.
    ///   - arguments: made from the directory and the port, without the program.
    static func start(
        _ program: String, ready: String, _ arguments: (_ directory: String, _ port: Int) throws -> [String]
    ) async throws -> RealServer {
        guard access(program, X_OK) == 0 else {
            throw Failure(description: "\(program) is missing: `make test` installs it")
        }
        // Another process may take a port between its choice and its use, so there are three tries.
        var failure = Failure(description: "no port")
        for _ in 0..<3 {
            let directory = FileManager.default.temporaryDirectory.appending(path: "server-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let port = try freePort()
            let server = try RealServer(
                url: "http://127.0.0.1:\(port)", directory: directory,
                process: spawn([program] + arguments(directory, port), output: directory + "/output"))
            do {
                try await server.waitUntilReady(ready)
                return server
            } catch let error as Failure {
                failure = error
            }
        }
        throw failure
    }

    private init(url: String, directory: String, process: pid_t) {
        self.url = url
        self.directory = directory
        self.process = process
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func waitUntilReady(_ path: String) async throws {
        let client = try CurlClient()
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let answer = try? await client.send(CurlRequest(url: url + path)), (200..<300).contains(answer.status) {
                return
            }
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let output = (try? String(contentsOfFile: directory + "/output", encoding: .utf8)) ?? ""
        throw Failure(description: "\(url) did not become ready: \(output.suffix(2000))")
    }

    // MARK: -

    private static func spawn(_ arguments: [String], output: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var pid = pid_t()
        let code = posix_spawn(&pid, arguments[0], &actions, nil, &argv, environ)
        guard code == 0 else { throw Failure(description: "\(arguments[0]): \(String(cString: strerror(code)))") }
        return pid
    }
}
