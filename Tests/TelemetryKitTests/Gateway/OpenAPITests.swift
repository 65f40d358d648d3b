import Foundation
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTPClient
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

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
            #expect((operation["security"] != nil) == route.requiresToken)
            // Every parameter says what it is and shows one; every error has its form.
            for parameter in parameters {
                #expect(parameter["example"] != nil && parameter["schema"] != nil)
                #expect((parameter["description"] as? String)?.isEmpty == false)
            }
            for (status, response) in responses where status != "200" {
                let content = try #require((response as? [String: Any])?["content"] as? [String: Any])
                // Prometheus' interface has its own form of errors, and a readiness that fails that of one that does not.
                let hasOwnForm = route.errorSchema != "Error" || route.operationID == "getReadiness"
                #expect(
                    content["application/problem+json"] != nil || hasOwnForm && route.errors.contains(Int(status) ?? 0))
            }
            // What takes a form says so, with the same parameters.
            let form = paths[route.path]?["post"]?["requestBody"] as? [String: Any]
            #expect((form != nil) == route.acceptsForm)
            if let form {
                let content = try #require(form["content"] as? [String: [String: Any]])
                let schema = try #require(content["application/x-www-form-urlencoded"]?["schema"] as? [String: Any])
                let properties = try #require(schema["properties"] as? [String: Any])
                #expect(Set(properties.keys) == Set(route.queryParameters.map(\.name)))
            }
        }
    }

    @Test("every schema that is named is there, and shows an example that is JSON")
    func schemas() throws {
        let names = Set(Schemas.all.map(\.name))
        #expect(names.count == Schemas.all.count)
        for route in Routes.all(Gateway.Configuration()) {
            for answer in route.answers { #expect(answer.schema.map(names.contains) ?? true) }
        }
        for schema in Schemas.all {
            let object = try #require(
                JSONSerialization.jsonObject(with: Data(schema.json.utf8)) as? [String: Any], "\(schema.name)")
            #expect(object["examples"] != nil || schema.name.hasSuffix("List") || schema.name == "TelemetryExport")
        }
    }

    @Test("openapi-spec-validator finds the document valid", arguments: [nil, "token"] as [String?])
    func valid(token: String?) throws {
        var configuration = Gateway.Configuration()
        configuration.apiToken = token
        let file = FileManager.default.temporaryDirectory.appending(path: "openapi-\(UUID().uuidString).json")
        try Data(Gateway(store: MemoryStore(), configuration: configuration).openAPIDocument).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let result = try Command.run(
            [Command.python, "-m", "openapi_spec_validator", "--schema", "3.1", file.path], input: [])
        let text = String(decoding: result.output, as: UTF8.self)
        #expect(result.status == 0, "make test installs openapi-spec-validator; it says: \(text)")
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
        let html = String(decoding: page, as: UTF8.self)
        // The policy forbids a script in the page.
        #expect(html.contains(#"<script src="swagger-initializer.js">"#) && !html.contains("<script>"))
        guard case .bytes(let initializer) = try SwaggerPage.file("swagger-initializer.js", core).body else { return }
        #expect(String(decoding: initializer, as: UTF8.self).contains("SwaggerUIBundle({"))
        let script = try SwaggerPage.file("swagger-ui-bundle.js", core)
        #expect(script.headers.contains { $0.name == "Content-Type" && $0.value == "text/javascript; charset=utf-8" })
        #expect(throws: APIError.self) { try SwaggerPage.file("favicon-32x32.png", core) }
        #expect(throws: APIError.self) { try SwaggerPage.file("other.txt", core) }
    }
}
