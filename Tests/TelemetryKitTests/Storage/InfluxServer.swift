import Foundation
import Glibc
@testable import TelemetryKit

/// A real influxd on a free loopback port with a directory of its own, from Debian's package `influxdb`.
///
/// Stopped by process id when the last reference goes.
final class InfluxServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let url: String
    let directory: String
    private let process: pid_t

    /// Whether a request of any kind is answered is asked by `/ping`; the server has no other sign of being ready.
    static func start(maximumBodySize: Int? = nil) async throws -> InfluxServer {
        guard let program = (["/usr/bin/influxd", "/usr/local/bin/influxd"] as [String]).first(where: { access($0, X_OK) == 0 }) else {
            throw Failure(description: "influxd is not installed: `make test` installs it (Debian's package influxdb)")
        }
        // Another process may take a port between its choice and its use.
        var failure = Failure(description: "no port")
        for _ in 0..<3 {
            let server = try InfluxServer(program: program, maximumBodySize: maximumBodySize)
            do {
                try await server.waitUntilReady()
                return server
            } catch let error as Failure {
                failure = error
            }
        }
        throw failure
    }

    private init(program: String, maximumBodySize: Int?) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "influxd-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let port = try Self.freePort()
        url = "http://127.0.0.1:\(port)"
        let configuration = """
            reporting-disabled = true
            bind-address = "127.0.0.1:\(try Self.freePort())"
            [meta]
              dir = "\(directory)/meta"
            [data]
              dir = "\(directory)/data"
              wal-dir = "\(directory)/wal"
            [monitor]
              store-enabled = false
            [http]
              bind-address = "127.0.0.1:\(port)"
              log-enabled = false
              \(maximumBodySize.map { "max-body-size = \($0)" } ?? "")

            """
        try configuration.write(toFile: directory + "/influxdb.conf", atomically: true, encoding: .utf8)
        process = try Self.spawn([program, "-config", directory + "/influxdb.conf"], log: directory + "/log")
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func waitUntilReady() async throws {
        let client = try CurlClient()
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let answer = try? await client.send(CurlRequest(url: url + "/ping")), answer.status == 204 { return }
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let log = (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? ""
        throw Failure(description: "influxd at \(url) did not become ready: \(log.suffix(2000))")
    }

    static func freePort() throws -> Int {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(fd) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(fd, $0, length) == 0 ? getsockname(fd, $0, &length) : -1 }
        }
        guard code == 0 else { throw Failure(description: "no free port: errno \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func spawn(_ arguments: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var pid = pid_t()
        let code = posix_spawn(&pid, arguments[0], &actions, nil, &argv, environ)
        guard code == 0 else { throw Failure(description: "\(arguments[0]): \(String(cString: strerror(code)))") }
        return pid
    }
}
