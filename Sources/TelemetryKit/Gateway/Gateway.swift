import Synchronization
import TelemetryNet

/// The REST gateway over a store: lists, queries and exports, with an OpenAPI document and pages for people.
///
/// A few event loop threads do the input and output; the store is asked by tasks. May be used from any task.
public final class Gateway: Sendable {
    /// All that a gateway can be told. Every member has a default.
    public struct Configuration: Sendable {
        public var host = "127.0.0.1"
        /// 0 takes a free one.
        public var port = 8080
        /// Entries of a list where the request names no limit.
        public var defaultLimit = 100
        /// The largest limit that a request may name.
        public var maxLimit = 1000
        /// What `/api/v1` asks for as `Authorization: Bearer`; `nil` asks nothing.
        public var apiToken: String?
        /// Where the files of Swagger UI are; without them its page lists the operations by itself.
        public var swaggerUIDirectory: String?
        /// Further checks of `/ready`, beside that of the store.
        public var readiness: @Sendable () async -> [ReadinessCheck] = { [] }
        /// Further lines of `/metrics`, in the Prometheus text format.
        public var metrics: @Sendable () async -> String = { "" }
        /// Further members of `/api/v1/stats`: a name, and a JSON value.
        public var statistics: @Sendable () async -> [(name: String, json: [UInt8])] = { [] }
        /// Told of every request that was answered.
        public var onRequest: @Sendable (RequestRecord) -> Void = { _ in }

        public init() {}
    }

    /// One thing that must be so before the gateway should be asked.
    public struct ReadinessCheck: Sendable {
        public var name: String
        public var isReady: Bool
        /// What is the case, or what is wrong.
        public var detail: String

        public init(name: String, isReady: Bool, detail: String) {
            self.name = name
            self.isReady = isReady
            self.detail = detail
        }
    }

    /// A request that was answered, for a log.
    public struct RequestRecord: Sendable {
        public var method: String
        public var path: String
        public var status: Int
        /// From the whole request to the answer; of a stream, to its head.
        public var duration: Duration
        public var peer: String
    }

    private let core: GatewayCore
    private let running = Mutex<HTTPServer?>(nil)

    public init(store: any TelemetryStore, configuration: Configuration = Configuration()) {
        core = GatewayCore(store: store, configuration: configuration)
    }

    /// Listens and serves from now on; returns the port. Throws where the address cannot be used, naming it.
    @discardableResult
    public func start() async throws -> Int {
        let core = core
        var settings = HTTPServer.Configuration()
        settings.refusal = { APIError(status: $0, code: Self.refusalCode($0), message: $1).response }
        let server = try await HTTPServer.start(
            host: core.configuration.host, port: core.configuration.port, configuration: settings, handler: .task { await core.answer($0) })
        running.withLock { $0 = server }
        return server.port
    }

    private static func refusalCode(_ status: Int) -> String {
        switch status {
        case 408: "request_timeout"
        case 413: "body_too_large"
        case 414: "uri_too_long"
        case 417: "expectation_failed"
        case 431: "header_fields_too_large"
        case 501: "not_implemented"
        case 505: "version_not_supported"
        default: "bad_request"
        }
    }

    /// Stops accepting, finishes the answers that are under way for at most `limit`, and closes all connections.
    public func shutdown(within limit: Duration = .seconds(5)) async {
        let current = running.withLock { current in
            defer { current = nil }
            return current
        }
        await current?.shutdown(within: limit)
    }

    /// The OpenAPI 3.1 document of the routes, as JSON.
    public var openAPIDocument: [UInt8] { core.openAPI }
}

/// What the gateway's handlers share.
final class GatewayCore: Sendable {
    let store: any TelemetryStore
    let configuration: Gateway.Configuration
    let counters = RequestCounters()
    let openAPI: [UInt8]
    let started = ContinuousClock.now
    private let router: Router

    init(store: any TelemetryStore, configuration: Gateway.Configuration) {
        self.store = store
        self.configuration = configuration
        let routes = Routes.all(configuration)
        router = Router(routes)
        openAPI = OpenAPIDocument(routes: routes, hasToken: configuration.apiToken != nil).json
    }

    var routes: [Route] { router.routes }

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        let start = ContinuousClock.now
        var label = "unmatched"
        var response: HTTPResponse
        do {
            response = try await route(request, &label)
        } catch let error as APIError {
            response = error.response
        } catch let error as StoreError {
            response = APIError(error).response
        } catch {
            response = APIError(status: 500, code: "internal_error", message: "\(error)").response
        }
        let duration = ContinuousClock.now - start
        counters.count(route: label, status: response.status, duration: duration)
        configuration.onRequest(
            Gateway.RequestRecord(
                method: request.method, path: request.path, status: response.status, duration: duration, peer: request.peer))
        return response
    }

    private func route(_ request: HTTPRequest, _ label: inout String) async throws -> HTTPResponse {
        guard case .route(let route, let segments) = router.match(request.path) else {
            if case .malformed = router.match(request.path) { throw APIError.badRequest("the path has a broken escape: \(request.path)") }
            throw APIError.notFound("\(request.path) is not served; see /openapi.json")
        }
        label = route.path
        switch request.method {
        case "GET", "HEAD": break
        case "OPTIONS": return HTTPResponse(status: 204, headers: [("Allow", "GET, HEAD, OPTIONS")])
        default:
            throw APIError(
                status: 405, code: "method_not_allowed", message: "\(request.method) is not allowed on \(request.path)",
                headers: [("Allow", "GET, HEAD, OPTIONS")])
        }
        if route.needsToken, let token = configuration.apiToken, !isAuthorized(request, token) {
            throw APIError(
                status: 401, code: "unauthorized", message: "\(request.path) asks for Authorization: Bearer with the API token",
                headers: [("WWW-Authenticate", "Bearer")])
        }
        let parameters = try QueryParameters.parse(request.query, for: route)
        return try await route.handle(RequestContext(gateway: self, segments: segments, parameters: parameters))
    }

    private func isAuthorized(_ request: HTTPRequest, _ token: String) -> Bool {
        guard let given = request.header("authorization"), given.utf8.count > 7, given.prefix(7).lowercased() == "bearer " else { return false }
        return constantTimeEqual(Array(given.utf8.dropFirst(7)), Array(token.utf8))
    }
}
