import Foundation
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryHTTP
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
                let hasOwnForm = route.errorContent.contentType != APIError.contentType
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

    @Test("every schema that is referred to is in the document, once, with an example of its own members")
    func schemas() throws {
        let document = try document()
        let components = try #require(document["components"] as? [String: Any])
        let schemas = try #require(components["schemas"] as? [String: [String: Any]])
        for name in references(in: document) { #expect(schemas[name] != nil, "\(name)") }
        #expect(schemas.keys.sorted() == Set(references(in: document)).sorted())
        for (name, schema) in schemas {
            let example = try #require((schema["examples"] as? [Any])?.first, "\(name)")
            guard let properties = schema["properties"] as? [String: Any] else { continue }
            let members = try #require(example as? [String: Any], "\(name)")
            let required = try #require(schema["required"] as? [String], "\(name)")
            #expect(Set(members.keys).isSuperset(of: required), "\(name)")
            #expect(Set(members.keys).isSubset(of: properties.keys), "\(name)")
        }
    }

    @Test("a name of a schema stands for one schema")
    func names() {
        var texts: [String: [UInt8]] = [:]
        func check(_ component: SchemaComponent) {
            let text = ByteWriter.json { $0.value(component.schema) }
            #expect(texts[component.name] ?? text == text, "\(component.name)")
            texts[component.name] = text
            component.parts.forEach(check)
        }
        for route in Routes.all(Gateway.Configuration()) {
            for content in route.responses + [route.errorContent] { content.components.forEach(check) }
        }
    }

    private func references(in value: Any) -> [String] {
        if let list = value as? [Any] { return list.flatMap(references) }
        guard let object = value as? [String: Any] else { return [] }
        let prefix = "#/components/schemas/"
        let own = (object["$ref"] as? String).flatMap {
            $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil
        }
        return (own.map { [$0] } ?? []) + object.values.flatMap(references)
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
