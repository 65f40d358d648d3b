import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels

@Suite("Swagger UI, the real one, in a browser", .timeLimit(.minutes(20)))
struct SwaggerUITests {
    /// Where `make setup-tests` puts the files.
    static let directory = SampleTests.package.appending(path: ".run/swagger-ui")
    static let isPresent: Bool = {
        let isPresent = FileManager.default.fileExists(atPath: directory.appending(path: "swagger-ui-bundle.js").path)
        if !isPresent {
            print("*** The files of Swagger UI are absent at \(directory.path): scripts/fetch-swagger-ui.sh gets them.")
        }
        return isPresent
    }()

    /// What the page is when its scripts have run.
    private func rendered(_ url: String) async throws -> String {
        let profile = FileManager.default.temporaryDirectory.appending(path: "chromium-\(UUID())")
        defer { try? FileManager.default.removeItem(at: profile) }
        let result = try await Command.runAside(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=\(profile.path)",
                "--virtual-time-budget=20000",
                // There is no internet for the page: every name but this machine's is unknown.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--dump-dom", url,
            ])
        return String(decoding: result.output, as: UTF8.self)
    }

    @Test("it draws every operation with no internet", .enabled(if: isPresent))
    func operations() async throws {
        try await GatewayStage.with({ $0.swaggerUIDirectory = Self.directory.path }) { stage in
            let page = try await rendered("http://127.0.0.1:\(stage.port)/swagger/index.html")
            #expect(page.contains("GPU telemetry gateway"))
            for route in Routes.all(Gateway.Configuration()) {
                #expect(page.contains("operations-\(route.tag)-\(route.operationID)\""), "\(route.path) is not drawn")
            }
            #expect(!page.contains("Failed to load"))
        }
    }

    @Test("its files have their types and entity tags", .enabled(if: isPresent))
    func files() async throws {
        try await GatewayStage.with({ $0.swaggerUIDirectory = Self.directory.path }) { stage in
            let script = try await stage.get("/swagger/swagger-ui-bundle.js")
            #expect(script.header("content-type") == "text/javascript; charset=utf-8")
            let tag = try #require(script.header("etag"))
            let again = try await stage.get(
                "/swagger/swagger-ui-bundle.js", headers: [(name: "If-None-Match", value: tag)])
            #expect(again.status == 304)
        }
    }

    @Test("without its files the page lists the operations in a browser, and says how to get them")
    func list() async throws {
        try await GatewayStage.with { stage in
            let page = try await rendered("http://127.0.0.1:\(stage.port)/swagger/index.html")
            #expect(page.contains("/api/v1/query/aggregate"))
            #expect(page.contains("scripts/fetch-swagger-ui.sh"))
        }
    }
}
