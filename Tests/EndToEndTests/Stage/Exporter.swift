import FaultSupport
import Foundation
import Testing

/// nginx as a dcgm-exporter, in a directory of the test.
extension Stage {
    struct Exporter: Sendable {
        var process: ChildProcess
        var page: Nginx
        var url: String { "http://127.0.0.1:\(page.port)/metrics" }
    }

    /// On a port that was used before it serves what it served there.
    func startExporter(
        _ text: String? = nil, port wanted: Int? = nil, token: String? = nil, authorization: String? = nil
    ) async throws -> Exporter {
        let port = try wanted ?? freePort()
        let page = try Nginx(
            in: directory.appending(path: "nginx-\(port)"), port: port, token: token, authorization: authorization)
        if let text { try page.serve(text) }
        let process = try start("nginx", executable: Nginx.executable, arguments: page.arguments)
        try await eventuallyTrue("answer of nginx", unless: process) { try await HTTP.get(port, "/").status == 200 }
        return Exporter(process: process, page: page)
    }

    /// nginx as a server that refuses everything and repeats what it was sent; its port.
    func startEcho() async throws -> Int {
        let port = try freePort()
        let page = try Nginx(in: directory.appending(path: "echo-\(port)"), port: port, isEcho: true)
        let process = try start("nginx-echo", executable: Nginx.executable, arguments: page.arguments)
        try await eventuallyTrue("answer of nginx", unless: process) { try await HTTP.get(port, "/self").status == 204 }
        return port
    }

    /// nginx as a proxy that forwards to addresses of the loopback.
    func startProxy() async throws -> Exporter {
        let port = try freePort()
        let page = try Nginx(in: directory.appending(path: "proxy-\(port)"), port: port, isProxy: true)
        let process = try start("nginx-proxy", executable: Nginx.executable, arguments: page.arguments)
        try await eventuallyTrue("answer of nginx", unless: process) { try await HTTP.get(port, "/self").status == 204 }
        return Exporter(process: process, page: page)
    }

    /// A streamer that tells on an HTTP port what it does.
    func startScraper(
        _ queuePort: Int, _ url: String, every interval: String = "100ms", _ environment: [String: String] = [:],
        terminal: String? = nil
    ) throws -> ChildProcess {
        let served = ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "SCRAPE_INTERVAL": interval]
        return try startStreamer(queuePort, csv: url, served.merging(environment) { $1 }, terminal: terminal)
    }
}
