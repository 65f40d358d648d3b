import Synchronization
import TelemetryHealth
import TelemetryNet
import TelemetryPromQL
import TelemetryStores

/// The REST gateway over a store: lists, queries and exports, with an OpenAPI document and pages for people.
///
/// A few event loop threads do the input and output; what works through many samples has a few threads of its own. May be used from any
/// task.
public final class Gateway: Sendable {
    /// All that a gateway can be told. Every member has a default.
    public struct Configuration: Sendable {
        /// Address to serve on. Default: `"127.0.0.1"`.
        public var host = "127.0.0.1"
        /// 0 takes a free one. Default: 8080.
        public var port = 8080
        /// Entries of a list where the request names no limit. Default: 100.
        public var defaultLimit = 100
        /// The largest limit that a request may name. Default: 1,000.
        public var maxLimit = 1000
        /// What `/api/v1` asks for as `Authorization: Bearer`; `nil` asks nothing. Default: `nil`.
        public var apiToken: String?
        /// Where the files of Swagger UI are; without them its page lists the operations by itself. Default: `nil`.
        public var swaggerUIDirectory: String?
        /// Origins whose pages may use the gateway from a browser: `https://grafana.example.org`, or `*` for every one. Empty: none.
        /// Default: `[]`.
        public var corsOrigins: [String] = []
        /// Where `/api/v1/stream` has its samples from; `nil`: it says that there are none. Default: `nil`.
        public var live: LiveSamples?
        /// By what `/api/v1/alerts` and `/api/v1/hosts` judge. Default: `HealthRules()`.
        public var healthRules = HealthRules()
        /// What queries of `/prometheus/api/v1` may cost. Default: `PromQLLimits()`.
        public var promQL = PromQLLimits()
        /// How long a request may take until its response begins; then it is answered with 504 (503 under `/prometheus`), and its work ends.
        /// So does an export of which a page takes longer. Default: 120 s.
        public var queryTimeout = Duration.seconds(120)
        /// The largest response in bytes; a larger one is answered with 422 instead. Exports and the stream are of any length.
        /// Default: 64 MiB.
        public var maxResponseBytes = 64 << 20
        /// The largest body of a request in bytes; a larger one is answered with 413. Default: 256 KiB.
        public var maxBodyBytes = 256 << 10
        /// Parameters of one request, those of a form included; more are answered with 400. Default: 1,000.
        public var maxParameters = 1000
        /// Selectors of one request under `/prometheus`, in `match[]` or within a query; more are answered with 400.
        /// Default: 100.
        public var maxSelectors = 100
        /// Beyond this number a new connection closes the one that has waited longest for its client.
        /// Default: 16,384.
        public var maxConnections = 16_384
        /// From the first byte of a request to its last; a slower client is answered with 408. Default: 30 s.
        public var requestTimeout = Duration.seconds(30)
        /// How long one write of an answer may find no room: then the client is given up. Default: 60 s.
        public var writeTimeout = Duration.seconds(60)
        /// Further checks of `/ready`, beside that of the store. Default: `{ [] }`.
        public var readiness: @Sendable () async -> [ReadinessCheck] = { [] }
        /// Further lines of `/metrics`, in the Prometheus text format. Default: `{ "" }`.
        public var metrics: @Sendable () async -> String = { "" }
        /// Further members of `/api/v1/stats`: a name, and a JSON value. Default: `{ [] }`.
        public var statistics: @Sendable () async -> [(name: String, json: [UInt8])] = { [] }
        /// Told of every request that was answered. Default: does nothing.
        public var onRequest: @Sendable (RequestRecord) -> Void = { _ in }

        /// The defaults.
        public init() {}
    }

    /// One thing that must be so before the gateway should be asked.
    public struct ReadinessCheck: Sendable {
        /// Its name in the answer of `/ready`.
        public var name: String
        /// Whether it is so. One that is not makes `/ready` 503.
        public var isReady: Bool
        /// What is the case, or what is wrong.
        public var detail: String

        /// A check with its outcome.
        public init(name: String, isReady: Bool, detail: String) {
            self.name = name
            self.isReady = isReady
            self.detail = detail
        }
    }

    /// A request that was answered, for a log.
    public struct RequestRecord: Sendable {
        /// As in the answer's `X-Request-ID`.
        public var id: String
        /// As the client wrote it.
        public var method: String
        /// Its path, without the query.
        public var path: String
        /// Of the answer.
        public var status: Int
        /// From the whole request to the answer; of a stream, to its head.
        public var duration: Duration
        /// The client's address.
        public var peer: String
    }

    private let core: GatewayCore
    private let running = Mutex<HTTPServer?>(nil)

    /// A gateway that asks `store`. It serves nothing until it is started.
    public init(store: any TelemetryStore, configuration: Configuration = Configuration()) {
        core = GatewayCore(store: store, configuration: configuration)
    }

    /// Listens and serves from now on; returns the port. Throws where the address cannot be used, naming it.
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
        case 503: "overloaded"
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
        guard let server = current else { return }
        core.configuration.live?.end(reason: "the gateway is stopping")
        await server.shutdown(within: limit)
    }

    /// The OpenAPI 3.1 document of the routes, as JSON.
    public var openAPIDocument: [UInt8] { core.openAPIDocument }
}
