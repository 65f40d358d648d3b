import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryStores

@Suite("The interface, tried by what its own document says", .timeLimit(.minutes(20)))
struct SchemathesisTests {
    /// `make schemathesis` is the long form: as many requests as it has `SCHEMATHESIS_SECONDS` for.
    @Test("schemathesis finds no answer that the document does not allow")
    func conformance() async throws {
        let package = SampleTests.package
        let store = MemoryStore()
        var source = try CSVSource(
            .init(path: package.appending(path: "deploy/sample/dcgm_sample.csv").path, source: "t"))
        while let batch = try await source.next() { try await store.write([batch]) }
        let uuid = try #require(try await store.gpus(limit: 1, offset: 0).items.first?.identity.uuid)
        let settings = try String(contentsOf: package.appending(path: "scripts/schemathesis.toml"), encoding: .utf8)
        let file = FileManager.default.temporaryDirectory.appending(path: "schemathesis-\(UUID()).toml")
        try Data(settings.replacing("@UUID@", with: uuid).utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }

        try await GatewayStage.with({ $0.swaggerUIDirectory = SwaggerUITests.directory.path }, store: store) { stage in
            let url = "http://127.0.0.1:\(stage.port)"
            let seconds = ProcessInfo.processInfo.environment["SCHEMATHESIS_SECONDS"]
            let extent = seconds.map { ["--max-time", $0] } ?? ["--max-examples", "10", "--seed", "1"]
            let words =
                [
                    Command.python, "-m", "schemathesis.cli", "--config-file", file.path, "run", url + "/openapi.json",
                    "--url", url,
                    "--exclude-path", "/api/v1/stream", "--no-color",
                ] + extent
            let result = try await Command.runAside(words)
            let report = String(decoding: result.output, as: UTF8.self)
            #expect(result.status == 0, "make test installs schemathesis; it says: \(report)")
            // A run that tried nothing proves nothing.
            let generated = report.firstMatch(of: #/([0-9]+) generated, ([0-9]+) passed/#).flatMap { Int($0.1) } ?? 0
            #expect(generated > 500, "\(report)")
        }
    }
}
