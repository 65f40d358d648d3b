import Foundation
import Glibc
@testable import TelemetryKit

/// A real VictoriaMetrics on a free loopback port with a directory of its own, from Debian's package `victoria-metrics`.
///
/// Stopped by process id when the last reference goes.
final class VictoriaServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let url: String
    private let directory: String
    private let process: pid_t
    private let client: CurlClient

    static func start(_ flags: [String] = []) async throws -> VictoriaServer {
        try await start { directory, port in
            ["/usr/bin/victoria-metrics", "-storageDataPath=\(directory)/data", "-httpListenAddr=127.0.0.1:\(port)", "-retentionPeriod=100y"] + flags
        }
    }

    /// Nginx with the paths of a cluster's vminsert and vmselect for one tenant, in front of the single node; other paths are not found.
    ///
    /// - Parameter largestBody: in bytes; a larger one is answered with 413. 0: any.
    static func cluster(of node: VictoriaServer, tenant: String, largestBody: Int = 0) async throws -> VictoriaServer {
        try await start { directory, port in
            let configuration = """
                daemon off;
                master_process off;
                pid "\(directory)/pid";
                error_log "\(directory)/errors";
                events {}
                http {
                  access_log "\(directory)/access";
                  client_body_temp_path "\(directory)/body";
                  proxy_temp_path "\(directory)/proxy";
                  fastcgi_temp_path "\(directory)/fastcgi";
                  uwsgi_temp_path "\(directory)/uwsgi";
                  scgi_temp_path "\(directory)/scgi";
                  client_max_body_size \(largestBody);
                  server {
                    listen 127.0.0.1:\(port);
                    location = /insert/\(tenant)/prometheus/api/v1/import { proxy_pass \(node.url)/api/v1/import; }
                    location /select/\(tenant)/prometheus/api/v1/ { proxy_pass \(node.url)/api/v1/; }
                    location = /health { return 200; }
                    location / { return 404; }
                  }
                }

                """
            try configuration.write(toFile: directory + "/nginx.conf", atomically: true, encoding: .utf8)
            return ["/usr/sbin/nginx", "-p", directory, "-e", directory + "/errors", "-c", directory + "/nginx.conf"]
        }
    }

    /// Another process may take a port between its choice and its use, so there are three tries.
    private static func start(_ arguments: (String, Int) throws -> [String]) async throws -> VictoriaServer {
        var failure = Failure(description: "no port")
        for _ in 0..<3 {
            let directory = FileManager.default.temporaryDirectory.appending(path: "victoria-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let port = try InfluxServer.freePort()
            let words = try arguments(directory, port)
            guard access(words[0], X_OK) == 0 else { throw Failure(description: "\(words[0]) is missing: `make test` installs it") }
            let server = try VictoriaServer(
                url: "http://127.0.0.1:\(port)", directory: directory, process: InfluxServer.spawn(words, log: directory + "/log"))
            do {
                try await server.waitUntilReady()
                return server
            } catch let error as Failure {
                failure = error
            }
        }
        throw failure
    }

    private init(url: String, directory: String, process: pid_t) throws {
        self.url = url
        self.directory = directory
        self.process = process
        client = try CurlClient()
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let answer = try? await client.send(CurlRequest(url: url + "/health")), answer.status == 200 { return }
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let log = (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? ""
        throw Failure(description: "\(url) did not become ready: \(log.suffix(2000))")
    }

    /// Makes what was written show at once.
    func flush() async throws {
        // What the server is flushing by itself at this moment is not waited for, so that rows may be missing after the first.
        for _ in 0..<100 {
            let answer = try await client.send(CurlRequest(url: url + "/internal/force_flush"))
            guard answer.status == 200 else { throw Failure(description: "force_flush: \(answer.status) \(answer.text)") }
            let (added, held) = try await rows()
            // Those beyond the retention period never show.
            if held >= added { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// How many samples the server has accepted, and how many can be asked for.
    private func rows() async throws -> (added: Int, held: Int) {
        var (added, held) = (0, 0)
        for line in try await client.send(CurlRequest(url: url + "/metrics")).text.split(separator: "\n") {
            guard let space = line.lastIndex(of: " "), let value = Int(line[line.index(after: space)...]) else { continue }
            if line.hasPrefix("vm_rows_added_to_storage_total ") { added = value }
            if line.hasPrefix("vm_rows{type=\"storage/") { held += value }
        }
        return (added, held)
    }

    /// What a Prometheus client gets.
    func get(_ path: String, _ query: [(String, String)]) async throws -> String {
        try await client.send(CurlRequest(url: url + path + "?" + formEncoded(query))).text
    }

    /// Requests that nginx has served, as `POST /path`.
    var requests: [String] {
        ((try? String(contentsOfFile: directory + "/access", encoding: .utf8)) ?? "").split(separator: "\n").compactMap { line in
            line.split(separator: "\"").dropFirst().first.map { String($0.split(separator: " ").prefix(2).joined(separator: " ")) }
        }
    }
}
