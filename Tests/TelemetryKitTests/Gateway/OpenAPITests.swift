import Foundation
import TelemetryNet
import Testing

@testable import TelemetryKit

@Suite("The OpenAPI document and the pages")
struct OpenAPITests {
    private func document(token: String? = nil) throws -> [String: Any] {
        var configuration = Gateway.Configuration()
        configuration.apiToken = token
        let bytes = Gateway(store: MemoryStore(), configuration: configuration).openAPIDocument
        return try #require(JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    @Test("every route that is served is documented, with its parameters and its errors")
    func complete() throws {
        let document = try document(token: "t")
        let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
        let routes = Routes.all(Gateway.Configuration())
        #expect(Set(paths.keys) == Set(routes.map(\.path)))
        for route in routes {
            let operation = try #require(paths[route.path]?["get"])
            let parameters = operation["parameters"] as? [[String: Any]] ?? []
            #expect(parameters.compactMap { $0["name"] as? String } == route.parameters.map(\.name))
            let responses = try #require(operation["responses"] as? [String: Any])
            for status in route.errors { #expect(responses["\(status)"] != nil) }
            #expect((operation["security"] != nil) == route.needsToken)
        }
    }

    @Test("openapi-spec-validator finds the document valid", arguments: [nil, "token"] as [String?])
    func valid(token: String?) throws {
        var configuration = Gateway.Configuration()
        configuration.apiToken = token
        let file = FileManager.default.temporaryDirectory.appending(path: "openapi-\(UUID().uuidString).json")
        try Data(Gateway(store: MemoryStore(), configuration: configuration).openAPIDocument).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        // Where setup-python.sh installs what the machine's python3 does not have.
        let installed = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../.run/python/bin/python3").standardized
        let python = FileManager.default.isExecutableFile(atPath: installed.path) ? installed.path : "python3"
        process.arguments = [python, "-m", "openapi_spec_validator", "--schema", "3.1", file.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "make test installs openapi-spec-validator; it says: \(text)")
    }

    @Test("without the files of Swagger UI the page lists every operation and says how to get them")
    func listPage() throws {
        let core = GatewayCore(store: MemoryStore(), configuration: Gateway.Configuration())
        guard case .bytes(let bytes) = SwaggerPage.index(core).body else {
            Issue.record("the page is not bytes")
            return
        }
        let page = String(decoding: bytes, as: UTF8.self)
        for route in core.routes { #expect(page.contains(route.path)) }
        #expect(page.contains("scripts/fetch-swagger-ui.sh"))
    }

    @Test("with its files, Swagger UI is served with types that browsers take")
    func bundlePage() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "swagger-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data("css".utf8).write(to: directory.appending(path: "swagger-ui.css"))
        try Data("js".utf8).write(to: directory.appending(path: "swagger-ui-bundle.js"))
        var configuration = Gateway.Configuration()
        configuration.swaggerUIDirectory = directory.path
        let core = GatewayCore(store: MemoryStore(), configuration: configuration)
        guard case .bytes(let page) = SwaggerPage.index(core).body else { return }
        #expect(String(decoding: page, as: UTF8.self).contains("SwaggerUIBundle"))
        let script = try SwaggerPage.file("swagger-ui-bundle.js", core)
        #expect(script.headers.contains { $0.name == "Content-Type" && $0.value == "text/javascript; charset=utf-8" })
        #expect(throws: APIError.self) { try SwaggerPage.file("favicon-32x32.png", core) }
        #expect(throws: APIError.self) { try SwaggerPage.file("other.txt", core) }
    }
}
