import FaultSupport
import Foundation
import Testing

/// Debian's VictoriaMetrics, a single node, in a directory of the test.
struct VictoriaMetrics: Sendable {
    var process: ChildProcess
    var port: Int
    var url: String { "http://127.0.0.1:\(port)" }

    static let executable: String? = {
        let path = "/usr/bin/victoria-metrics"
        if FileManager.default.isExecutableFile(atPath: path) { return path }
        print(
            "*** victoria-metrics is absent: the end-to-end tests that store in it are skipped. `make setup-tests` installs it."
        )
        return nil
    }()

    static var isPresent: Bool { executable != nil }
    static let absent: Comment = "needs victoria-metrics; make setup-tests installs it"
}

extension Stage {
    func startVictoriaMetrics(port wanted: Int? = nil) async throws -> VictoriaMetrics {
        let port = try wanted ?? freePort()
        let process = try start(
            "victoria-metrics", executable: try #require(VictoriaMetrics.executable),
            arguments: [
                "-storageDataPath=\(path("victoria"))", "-httpListenAddr=127.0.0.1:\(port)", "-retentionPeriod=100y",
            ],
            environment: ["HOME": directory.path, "PATH": "/usr/bin:/bin"])
        try await eventuallyTrue("health of VictoriaMetrics", unless: process) {
            try await HTTP.get(port, "/health").status == 200
        }
        return VictoriaMetrics(process: process, port: port)
    }
}
