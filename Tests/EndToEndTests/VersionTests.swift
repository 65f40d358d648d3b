import Foundation
import Testing

@Suite("The version")
struct VersionTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The one place that a release changes; the others are compared with it.
    private static func version() throws -> String {
        let source = try text("Sources/TelemetryBase/Version.swift")
        let match = try #require(source.firstMatch(of: #/packageVersion = "(\d+\.\d+\.\d+)"/#))
        return String(match.1)
    }

    @Test("programs report the version of the package", arguments: Executable.allCases)
    func programs(program: Executable) async throws {
        let version = try Self.version()
        try await Stage.run { stage in
            let child = try stage.start(program, arguments: ["--version"])
            #expect(await child.endedOrKilled() == 0)
            #expect(child.output == "\(program.rawValue) \(version)\n")
        }
    }

    @Test("the OpenAPI document has the version of the package")
    func openAPI() async throws {
        struct Document: Decodable {
            struct Info: Decodable { var version: String }
            var info: Info
        }
        let version = try Self.version()
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            #expect(try await HTTP.json(Document.self, api.port, "/openapi.json").info.version == version)
        }
    }

    @Test("chart, images, manifests and the page that names them have the version of the package")
    func deployment() throws {
        let version = try Self.version()
        let chart = try Self.text("deploy/helm/gpu-telemetry/Chart.yaml")
        #expect(chart.contains("\nversion: \(version)\n") && chart.contains("\nappVersion: \"\(version)\"\n"))
        #expect(try Self.text("deploy/docker/Dockerfile").contains("\nARG VERSION=\(version)\n"))
        for path in ["deploy/compose.yaml", "deploy/k8s/gpu-telemetry.yaml", "deploy/README.md"] {
            let tags = try Self.text(path).matches(of: #/gpu-telemetry/[a-z{},-]+:(\d[\w.-]*\w)/#).map { String($0.1) }
            #expect(!tags.isEmpty && Set(tags) == [version], "\(path) names images of \(Set(tags).sorted())")
        }
    }

    @Test("the newest entry of the CHANGELOG is about the version of the package")
    func changelog() throws {
        let version = try Self.version()
        let entries = try Self.text("CHANGELOG.md").components(separatedBy: "\n## ")
        let newest = try #require(entries.dropFirst().first)
        let isNext = newest.hasPrefix("[Unreleased]\n\n") && newest.prefix(80).contains(" \(version).")
        #expect(isNext || newest.hasPrefix("[\(version)]"), "\(newest.prefix(80))")
    }
}
