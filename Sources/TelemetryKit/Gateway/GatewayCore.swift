import TelemetryBase
import TelemetryHTTP
import TelemetryIO
import TelemetryStores

/// The state that the gateway's handlers share, and the processing of a request from the server to its route and back.
final class GatewayCore: Sendable {
    let store: any TelemetryStore
    let configuration: Gateway.Configuration
    let counters = RequestCounters()
    /// The counters of the HTTP server.
    let connections = HTTPCounters()
    let sampleWriters = SampleWriterPool()
    /// Threads for work on many samples.
    let workers = WorkerPool(name: "gateway-work")
    let openAPIDocument: [UInt8]
    let openAPI: FixedResponse
    let started = ContinuousClock.now
    let deadlines = RequestDeadlines()
    private let router: Router
    private let crossOrigin: CrossOrigin

    init(store: any TelemetryStore, configuration: Gateway.Configuration) {
        self.store = store
        self.configuration = configuration
        let routes = Routes.all(configuration)
        router = Router(routes)
        crossOrigin = CrossOrigin(origins: configuration.corsOrigins)
        openAPIDocument = OpenAPIDocument(routes: routes, hasToken: configuration.apiToken != nil).json
        openAPI = FixedResponse(HTTPResponse.json, openAPIDocument)
    }

    var routes: [Route] { router.routes }

    /// The maximum time for which `/ready` and `/metrics` wait for the store: their clients wait only a few seconds,
    /// and need to know if the store does not respond.
    var probeTimeout: Duration { min(configuration.queryTimeout / 2, .seconds(5)) }

    /// Returns the result of a query of the store, or throws ``DeadlineExceeded`` after ``probeTimeout``.
    func queryStore<Value: Sendable>(_ ask: @escaping @Sendable (any TelemetryStore) async throws -> Value)
        async throws -> Value
    {
        let store = store
        return try await deadlines.run(within: probeTimeout, on: workers) { try await ask(store) }
    }

    func respond(to request: HTTPRequest) async -> HTTPResponse {
        let start = ContinuousClock.now
        let id = RequestID.of(request)
        var label = "unmatched"
        var response: HTTPResponse
        do {
            response = try await route(request, &label).conditional(on: request)
        } catch let error as APIError {
            response = error.response
        } catch let error as StoreError {
            response = APIError(error).response
        } catch is CancellationError {
            response = APIError.clientClosed.response
        } catch {
            response = APIError(status: 500, code: "internal_error", message: abbreviated("\(error)", to: 400)).response
        }
        response.headers += [(RequestID.field, id)] + crossOrigin.headers(for: request)
        // The data change all the time; only responses that are known to last have a header field of their own.
        if !response.headers.contains(where: { $0.name == "Cache-Control" }) {
            response.headers.append(("Cache-Control", "no-store"))
        }
        let duration = ContinuousClock.now - start
        counters.count(route: label, status: response.status, duration: duration)
        configuration.onRequest(
            Gateway.RequestRecord(
                id: id, method: request.method, path: request.path, status: response.status, duration: duration,
                peer: request.peer))
        return response
    }

    private func route(_ request: HTTPRequest, _ label: inout String) async throws -> HTTPResponse {
        let route: Route
        let segments: [String: String]
        switch router.match(request.path) {
        case .route(let found, let captured): (route, segments) = (found, captured)
        case .malformed: throw APIError.badRequest("the path has an invalid escape: \(abbreviated(request.path))")
        case .none: throw APIError.notFound("\(abbreviated(request.path)) is not served; see /openapi.json")
        }
        label = route.path
        let allowed = route.acceptsForm ? CrossOrigin.methodsWithForm : CrossOrigin.methods
        switch request.method {
        case "GET", "HEAD": break
        case "POST" where route.acceptsForm: break
        case "OPTIONS":
            return HTTPResponse(status: 204, headers: [("Allow", allowed)] + crossOrigin.preflightHeaders(for: request))
        default:
            throw APIError(
                status: 405, code: "method_not_allowed",
                message: "\(abbreviated(request.method)) is not allowed on \(abbreviated(request.path))",
                headers: [("Allow", allowed)])
        }
        if route.requiresToken, let token = configuration.apiToken, !isAuthorized(request, token) {
            throw APIError(
                status: 401, code: "unauthorized",
                message: "\(abbreviated(request.path)) requires Authorization: Bearer with the API token",
                headers: [("WWW-Authenticate", "Bearer")])
        }
        let accept = AcceptHeader(request)
        guard route.responses.contains(where: { accept.quality($0.contentType) > 0 }) else {
            throw accept.refusal(of: route.responses.map(\.contentType))
        }
        do { try checkParameterCount(request) } catch { return route.errorForm(error) }
        if route.isFixed { return try await handle(request, segments, route) }
        do {
            let limit = configuration.queryTimeout + (route.isProbe ? .seconds(30) : .zero)
            let response = try await deadlines.run(within: limit, on: route.isHeavy ? workers : nil) {
                try await self.handle(request, segments, route)
            }
            // Lists are checked while they are written; this is for other responses.
            if case .bytes(let bytes) = response.body, bytes.count > configuration.maxResponseBytes {
                return route.errorForm(APIError.responseTooLarge(configuration.maxResponseBytes))
            }
            return response
        } catch is DeadlineExceeded {
            return route.errorForm(APIError.timeout(configuration.queryTimeout))
        }
    }

    private func handle(_ request: HTTPRequest, _ segments: [String: String], _ route: Route) async throws
        -> HTTPResponse
    {
        let parameters: RequestParameters
        do {
            parameters = try RequestParameters(request, segments: segments, route)
        } catch {
            return route.errorForm(error)
        }
        return try await route.handle(RequestContext(gateway: self, request: request, parameters: parameters))
    }

    /// Parameters are compared with each other and with every series.
    private func checkParameterCount(_ request: HTTPRequest) throws(APIError) {
        let pairs = [
            request.query.utf8.count { $0 == UInt8(ascii: "&") }, request.body.count { $0 == UInt8(ascii: "&") },
        ]
        let limit = configuration.maxParameters
        guard pairs[0] + pairs[1] + 1 > limit else { return }
        throw .badRequest(
            "the request has \(pairs[0] + pairs[1] + 1) parameters; the limit is \(limit) (maxParameters)")
    }

    private func isAuthorized(_ request: HTTPRequest, _ token: String) -> Bool {
        guard let given = request.header("authorization"), given.utf8.count > 7,
            given.prefix(7).lowercased() == "bearer "
        else { return false }
        return constantTimeEqual(Array(given.utf8.dropFirst(7)), Array(token.utf8))
    }
}
