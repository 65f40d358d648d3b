import FaultSupport
import Foundation
import Glibc
@testable import TelemetryKit

/// A server of another maker on a free loopback port with a directory of its own; stopped by process id when the last reference goes.
final class ScrapeRealServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let url: String
    let directory: URL
    private let process: pid_t

    /// With the page that it serves.
    static func nginx() async throws -> (server: ScrapeRealServer, exporter: Nginx) {
        var exporter: Nginx?
        let server = try await start(Nginx.executable, ready: "/") { directory, port in
            let nginx = try Nginx(in: directory, port: port)
            exporter = nginx
            return nginx.arguments
        }
        return (server, exporter!)
    }

    /// Debian's package `prometheus`; it scrapes that exporter every second, as a pod of Kubernetes.
    static func prometheus(scrapes exporter: ScrapeRealServer?) async throws -> ScrapeRealServer {
        try await start("/usr/bin/prometheus", ready: "/-/ready") { directory, port in
            let scraping = exporter.map { exporter in
                """
                scrape_configs:
                - job_name: dcgm
                  scrape_interval: 1s
                  scrape_timeout: 1s
                  static_configs:
                  - targets: ["\(exporter.url.dropFirst(7))"]
                    labels: {pod: dcgm-exporter-7x9, namespace: gpu-operator, container: dcgm-exporter}

                """
            }
            try (scraping ?? "{}\n").write(to: directory.appending(path: "prometheus.yml"), atomically: true, encoding: .utf8)
            return [
                "--config.file=\(directory.path)/prometheus.yml", "--storage.tsdb.path=\(directory.path)/data",
                "--web.listen-address=127.0.0.1:\(port)",
            ]
        }
    }

    /// Another process may take a port between its choice and its use, so there are three tries.
    static func start(
        _ program: String, ready: String, _ arguments: (URL, Int) throws -> [String]
    ) async throws -> ScrapeRealServer {
        guard access(program, X_OK) == 0 else { throw Failure(description: "\(program) is missing: `make test` installs it") }
        var failure = Failure(description: "no port")
        for _ in 0..<3 {
            let directory = FileManager.default.temporaryDirectory.appending(path: "scraped-\(UUID())")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            let port = try InfluxServer.freePort()
            let server = try ScrapeRealServer(
                url: "http://127.0.0.1:\(port)", directory: directory,
                process: InfluxServer.spawn([program] + arguments(directory, port), log: directory.path + "/output"))
            do {
                try await server.waitUntilReady(ready)
                return server
            } catch let error as Failure {
                failure = error
            }
        }
        throw failure
    }

    private init(url: String, directory: URL, process: pid_t) {
        self.url = url
        self.directory = directory
        self.process = process
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        try? FileManager.default.removeItem(at: directory)
    }

    private func waitUntilReady(_ path: String) async throws {
        let client = try CurlClient()
        let deadline = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < deadline {
            if let answer = try? await client.send(CurlRequest(url: url + path)), answer.status == 200 { return }
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        let output = (try? String(contentsOf: directory.appending(path: "output"), encoding: .utf8)) ?? ""
        throw Failure(description: "\(url) did not become ready: \(output.suffix(2000))")
    }
}
