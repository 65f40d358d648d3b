import Testing

@testable import TelemetryGateway
@testable import TelemetryHTTP
@testable import TelemetryModels
@testable import TelemetryStores

@Suite("The parameters of routes")
struct RouteParameterTests {
    /// A parameter that no route declares.
    private static let undeclared = Parameter.integer("undeclared", 0...9, default: 0, "A test.", example: "1")

    @Test(
        "the handler of each route reads only parameters that the route declares, with all and with the required ones")
    func declared() async throws {
        try await GatewayStage.with(store: filledStore()) { stage in
            for route in Routes.all(Gateway.Configuration()) where route.path != "/api/v1/stream" {
                let all = Dictionary(uniqueKeysWithValues: route.parameters.map { ($0.name, $0.example) })
                // A cursor is of one order only.
                for values in [[:], all, all.merging(["order": "asc"]) { $1 }] {
                    let response = try await stage.get(route.exampleTarget(values.filter { all[$0.key] != nil }))
                    #expect(response.status < 500, "\(route.path): \(response.text)")
                }
            }
        }
    }

    @Test("to read a parameter that the route does not declare is an internal error that names both")
    func undeclaredParameter() async throws {
        let core = GatewayCore(store: MemoryStore(), configuration: Gateway.Configuration())
        let route = try #require(core.routes.first { $0.path == "/api/v1/hosts" })
        let request = try exampleRequest("/api/v1/hosts?limit=7")
        let parameters = try RequestParameters(request, segments: [:], route)
        let context = RequestContext(gateway: core, request: request, parameters: parameters)
        #expect(try context[RouteParameters.limit(core.configuration)] == 7)
        let error = #expect(throws: APIError.self) { try context[Self.undeclared] }
        #expect(error?.status == 500)
        #expect(error?.message == "/api/v1/hosts does not declare the parameter undeclared")
    }

    @Test("the segments of each path are its parameters in the path")
    func segments() {
        for route in Routes.all(Gateway.Configuration()) {
            let segments = route.path.split(separator: "/").filter { $0.hasPrefix("{") }
            #expect(
                segments.map { String($0.dropFirst().dropLast()) } == route.parameters.filter(\.isInPath).map(\.name),
                "\(route.path)")
            #expect(Set(route.parameters.map(\.name)).count == route.parameters.count, "\(route.path)")
        }
    }

    @Test("the example of each parameter is a valid value")
    func examples() {
        for route in Routes.all(Gateway.Configuration()) {
            for parameter in route.parameters {
                #expect(throws: Never.self, "\(route.path) \(parameter.name)") {
                    try parameter.check([parameter.example])
                }
            }
        }
    }

    private func exampleRequest(_ target: String) throws -> HTTPRequest {
        var parser = HTTPRequestParser(limits: HTTPLimits())
        var used = 0
        let text = Array("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        guard case .request(let request) = try text.withUnsafeBytes({ try parser.parse($0, used: &used) }) else {
            throw HTTPRefusal(status: 400, reason: "incomplete")
        }
        return request
    }
}
