import FaultSupport
import Foundation

/// A real influxd, from Debian's package `influxdb`.
final class InfluxServer: Sendable {
    private let server: RealServer
    var url: String { server.url }

    private init(_ server: RealServer) { self.server = server }

    /// - Parameters:
    ///   - http: lines of the section of that name.
    ///   - coordinator: likewise.
    static func start(maximumBodySize: Int? = nil, http: String = "", coordinator: String = "") async throws
        -> InfluxServer
    {
        // It has no other sign of being ready than an answer to `/ping`.
        InfluxServer(
            try await RealServer.start("/usr/bin/influxd", ready: "/ping") { directory, port in
                let configuration = """
                    reporting-disabled = true
                    bind-address = "127.0.0.1:\(try freePort())"
                    [meta]
                      dir = "\(directory)/meta"
                    [data]
                      dir = "\(directory)/data"
                      wal-dir = "\(directory)/wal"
                    [monitor]
                      store-enabled = false
                    [coordinator]
                      \(coordinator)
                    [http]
                      bind-address = "127.0.0.1:\(port)"
                      log-enabled = false
                      \(maximumBodySize.map { "max-body-size = \($0)" } ?? "")
                      \(http)

                    """
                try configuration.write(toFile: directory + "/influxdb.conf", atomically: true, encoding: .utf8)
                return ["-config", directory + "/influxdb.conf"]
            })
    }
}
