import Foundation

@testable import TelemetryDatabases
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryScraping
@testable import TelemetryStores

/// A real VictoriaMetrics, from Debian's package `victoria-metrics`.
final class VictoriaServer: Sendable {
    private let server: RealServer
    private let client: CurlClient
    var url: String { server.url }

    private init(_ server: RealServer) throws {
        self.server = server
        client = try CurlClient()
    }

    static func start(_ flags: [String] = []) async throws -> VictoriaServer {
        try VictoriaServer(
            try await RealServer.start("/usr/bin/victoria-metrics", ready: "/health") { directory, port in
                ["-storageDataPath=\(directory)/data", "-httpListenAddr=127.0.0.1:\(port)", "-retentionPeriod=100y"]
                    + flags
            })
    }

    /// Nginx with the paths of a cluster's vminsert and vmselect for one tenant, in front of the single node; other paths are not found.
    ///
    /// - Parameter largestBody: in bytes; a larger one is answered with 413. 0: any.
    static func cluster(of node: VictoriaServer, tenant: String, largestBody: Int = 0) async throws -> VictoriaServer {
        try VictoriaServer(
            try await RealServer.start("/usr/sbin/nginx", ready: "/health") { directory, port in
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
                return ["-p", directory, "-e", directory + "/errors", "-c", directory + "/nginx.conf"]
            })
    }

    /// Makes what was written show at once, also to who asked for it before.
    func flush() async throws {
        // What the server is flushing by itself at this moment is not waited for, so that rows may be missing after the first.
        for _ in 0..<100 {
            try await forceFlush()
            let (added, held) = try await rows()
            // Those beyond the retention period never show.
            if held >= added { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        try await forgetAnswers()
    }

    private func forceFlush() async throws {
        let answer = try await client.send(CurlRequest(url: url + "/internal/force_flush"))
        guard answer.status == 200 else {
            throw RealServer.Failure(description: "force_flush: \(answer.status) \(answer.text)")
        }
    }

    /// The server remembers which series a selector has, and that it has none: new ones of a flush that it made by itself show up to 10 s later
    /// to a selector that was asked before. It forgets when a flush by request finds a new series, so here is one, until it is seen.
    private func forgetAnswers() async throws {
        for _ in 0..<100 {
            let name = "flushed_" + UUID().uuidString.replacing("-", with: "")
            func isSeen() async throws -> Bool {
                try await get("/api/v1/query", [("query", name), ("nocache", "1")]).contains(name)
            }
            _ = try await isSeen()
            let time = Int64(Date().timeIntervalSince1970 * 1000) - 60_000
            let line = #"{"metric":{"__name__":"\#(name)"},"values":[1],"timestamps":[\#(time)]}"#
            let answer = try await client.send(
                CurlRequest(method: "POST", url: url + "/api/v1/import", body: Array(line.utf8)))
            guard answer.status == 204 else {
                throw RealServer.Failure(description: "import: \(answer.status) \(answer.text)")
            }
            try await forceFlush()
            if try await isSeen() { return }
        }
        throw RealServer.Failure(description: "\(url) does not show a new series after 100 flushes")
    }

    /// How many samples the server has accepted, and how many can be asked for.
    private func rows() async throws -> (added: Int, held: Int) {
        var (added, held) = (0, 0)
        for line in try await client.send(CurlRequest(url: url + "/metrics")).text.split(separator: "\n") {
            guard let space = line.lastIndex(of: " "), let value = Int(line[line.index(after: space)...]) else {
                continue
            }
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
        ((try? String(contentsOfFile: server.directory + "/access", encoding: .utf8)) ?? "").split(separator: "\n")
            .compactMap { line in
                line.split(separator: "\"").dropFirst().first.map {
                    String($0.split(separator: " ").prefix(2).joined(separator: " "))
                }
            }
    }
}
