import FaultSupport
import Foundation

extension RealServer {
    /// With the page that it serves.
    static func nginx() async throws -> (server: RealServer, exporter: Nginx) {
        var exporter: Nginx?
        let server = try await start(Nginx.executable, ready: "/") { directory, port in
            let nginx = try Nginx(in: URL(filePath: directory), port: port)
            exporter = nginx
            return nginx.arguments
        }
        return (server, exporter!)
    }

    /// Debian's package `prometheus`; it scrapes that exporter every second, as a pod of Kubernetes.
    static func prometheus(scrapes exporter: RealServer?) async throws -> RealServer {
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
            try (scraping ?? "{}\n").write(toFile: directory + "/prometheus.yml", atomically: true, encoding: .utf8)
            return [
                "--config.file=\(directory)/prometheus.yml", "--storage.tsdb.path=\(directory)/data",
                "--web.listen-address=127.0.0.1:\(port)",
            ]
        }
    }
}
