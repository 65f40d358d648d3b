import Synchronization
import TelemetryHTTP
import TelemetryHealth
import TelemetryPromQL
import TelemetryStores

/// The REST gateway over a store: lists, queries and exports, with an OpenAPI document, a dashboard and Swagger UI.
///
/// A few event loop threads perform the I/O; work on many samples has a few threads of its own. May be used from any
/// task.
public final class Gateway: Sendable {
    /// The options of a gateway.
    public struct Configuration: Sendable {
        /// The address to listen on. Default: `"127.0.0.1"`.
        public var host = "127.0.0.1"
        /// The port to listen on; 0 takes a free one. Default: 8080.
        public var port = 8080
        /// The number of entries of a list if the request contains no limit. Default: 100.
        public var defaultLimit = 100
        /// The largest limit that a request may contain. Default: 1,000.
        public var maxLimit = 1000
        /// The token that `/api/v1` requires as `Authorization: Bearer`; `nil` for none. Default: `nil`.
        public var apiToken: String?
        /// The directory of the Swagger UI files; without them its page lists the operations by itself. Default: `nil`.
        public var swaggerUIDirectory: String?
        /// The origins whose pages may use the gateway from a browser: `https://grafana.example.org`, or `*` for every
        /// origin. Empty for none. Default: `[]`.
        public var corsOrigins: [String] = []
        /// The source of the samples of `/api/v1/stream`; if it is `nil`, the route responds that there is none.
        /// Default: `nil`.
        public var live: LiveSamples?
        /// The rules of `/api/v1/alerts` and `/api/v1/hosts`. Default: `HealthRules()`.
        public var healthRules = HealthRules()
        /// The limits of queries under `/prometheus/api/v1`. Default: `PromQLLimits()`.
        public var promQL = PromQLLimits()
        /// The maximum time from a request to the start of its response; after it the response is 504 (503 under
        /// `/prometheus`), and the work is cancelled. The limit also applies to each page of an export. Default: 120 s.
        public var queryTimeout = Duration.seconds(120)
        /// The maximum size of a response in bytes; a larger one is replaced by 422. Exports and the stream are
        /// unlimited. Default: 64 MiB.
        public var maxResponseBytes = 64 << 20
        /// The maximum size of a request body in bytes; a larger one is refused with 413. Default: 256 KiB.
        public var maxBodyBytes = 256 << 10
        /// The maximum number of parameters of one request, including those of a form; more are refused with 400.
        /// Default: 1,000.
        public var maxParameters = 1000
        /// The maximum number of selectors of one request under `/prometheus`, in `match[]` or within a query; more are
        /// refused with 400. Default: 100.
        public var maxSelectors = 100
        /// The maximum number of connections; a new connection beyond it closes the one that has waited longest for its
        /// client. Default: 16,384.
        public var maxConnections = 16_384
        /// The maximum time from the first byte of a request to its last; a slower client receives 408. Default: 30 s.
        public var requestTimeout = Duration.seconds(30)
        /// The maximum time for which a client may read nothing of a response; after it the connection is closed.
        /// Default: 60 s.
        public var writeTimeout = Duration.seconds(60)
        /// Further checks of `/ready`, in addition to that of the store. Default: `{ [] }`.
        public var readiness: @Sendable () async -> [ReadinessCheck] = { [] }
        /// Writes further metrics of `/metrics`. Default: writes none.
        public var metrics: @Sendable (inout MetricsText) async -> Void = { _ in }
        /// Further members of `/api/v1/stats`: names with JSON values. Default: `{ [] }`.
        public var statistics: @Sendable () async -> [(name: String, json: [UInt8])] = { [] }
        /// Called for every completed request. Default: does nothing.
        public var onRequest: @Sendable (RequestRecord) -> Void = { _ in }

        /// Creates a configuration with the default values.
        public init() {}
    }

    /// One condition that must be met before the gateway should receive requests.
    public typealias ReadinessCheck = TelemetryHTTP.ReadinessCheck

    /// A completed request, for a log.
    public struct RequestRecord: Sendable {
        /// The value of the response's `X-Request-ID`.
        public var id: String
        /// The method as the client sent it.
        public var method: String
        /// The path, without the query.
        public var path: String
        /// The status of the response.
        public var status: Int
        /// The time from the complete request to the response; for a stream, to its head.
        public var duration: Duration
        /// The client's address.
        public var peer: String
    }

    private let core: GatewayCore
    private let running = Mutex<HTTPServer?>(nil)

    /// Creates a gateway that queries `store`. It serves nothing until it is started.
    public init(store: any TelemetryStore, configuration: Configuration = Configuration()) {
        core = GatewayCore(store: store, configuration: configuration)
    }

    /// Starts to listen and serve; returns the port. Throws an error that names the address if it cannot be used.
    @discardableResult
    public func start() async throws -> Int {
        let core = core
        var settings = HTTPServer.Configuration()
        settings.maxConnections = core.configuration.maxConnections
        settings.requestTimeout = core.configuration.requestTimeout
        settings.writeTimeout = core.configuration.writeTimeout
        settings.counters = core.connections
        settings.limits.maxBodyBytes = core.configuration.maxBodyBytes
        settings.refusal = { APIError(status: $0, code: Self.refusalCode($0), message: $1).response }
        let server = try await HTTPServer.start(
            host: core.configuration.host, port: core.configuration.port, configuration: settings,
            handler: .task { await core.respond(to: $0) })
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
        case 503: "overloaded"
        case 505: "version_not_supported"
        default: "bad_request"
        }
    }

    /// Stops accepting, waits at most `limit` for responses in progress, and closes all connections.
    public func shutdown(within limit: Duration = .seconds(5)) async {
        let current = running.withLock { current in
            defer { current = nil }
            return current
        }
        guard let server = current else { return }
        core.configuration.live?.end(reason: "the gateway is stopping")
        await server.shutdown(within: limit)
    }

    /// The OpenAPI 3.1 document of the routes, as JSON.
    public var openAPIDocument: [UInt8] { core.openAPIDocument }
}
