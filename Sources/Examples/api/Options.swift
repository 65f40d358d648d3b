import ExampleDatabases
import ExampleSupport
import TelemetryNet

enum Storage: String, CaseIterable, Sendable { case memory, influxdb, victoriametrics }

enum Options {
    static let host = Option<String>.host("API_HOST", default: "0.0.0.0", help: "Address to serve on.")
    static let port = Option<Int>.port("API_PORT", default: 8080, help: "Port to serve on; 0 takes a free one.")
    static let storage = Option<Storage>.choice(
        "STORAGE", default: .memory,
        help: "memory: read the queue and hold the samples here; influxdb, victoriametrics: ask the database that collectors write to.")
    static let retention = Option<Duration?>.durationLimit(
        "RETENTION_PERIOD", help: "How long samples are held in memory, counted back from the newest.")
    static let memoryLimit = Option<Int>.size(
        "MEMORY_LIMIT", default: "1GiB", in: 1 << 20...1 << 44, help: "How much memory samples and series may take; the oldest samples go first.")
    static let defaultLimit = Option<Int>.int(
        "DEFAULT_LIMIT", default: 100, in: 1...1_000_000, help: "Items of a list where the request names no limit.")
    static let maxLimit = Option<Int>.int("MAX_LIMIT", default: 1000, in: 1...1_000_000, help: "The largest limit that a request may name.")
    static let token = Option<String?>.optionalString(
        "API_TOKEN", isSecret: true, help: "What requests must present as bearer token; without it every request is answered.")
    static let swaggerDirectory = Option<String?>.optionalString(
        "SWAGGER_UI_DIR", placeholder: "PATH",
        help: "Directory with the files of Swagger UI; without it the page lists the operations by itself.")
    static let corsOrigins = Option<[String]>(
        "CORS_ORIGINS", default: [], shown: "empty", placeholder: "ORIGINS",
        help: "Origins whose pages may use the API from a browser, with commas (https://grafana.example.org); *: every one; empty: none."
    ) { (text) throws(OptionValueError) in
        let origins = text.split(separator: ",").map { String($0.drop { $0 == " " }) }
        for origin in origins where origin != "*" {
            // An origin has no path: a browser sends it without the slash, and nothing would ever match.
            let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, ["http:", "https:"].contains(parts[0]), parts[1].isEmpty, !parts[2].isEmpty, !origin.contains("@") else {
                throw OptionValueError("expected origins such as https://grafana.example.org, without a path, or *; not '\(redactedURL(origin))'")
            }
        }
        return origins
    }
    static let staleAfter = Option<Duration>.duration(
        "STALE_AFTER", default: "90s",
        help: "A GPU or a metric without samples for so long, counted back from the newest sample, is an alert.")
    static let readyLag = Option<Int>.int(
        "READY_LAG", default: 100, in: 0...Int.max, help: "Messages of the queue that may be unread while /ready says yes; STORAGE=memory only.")
    static let maxConnections = Option<Int>.int(
        "MAX_CONNECTIONS", default: 16_384, in: 1...1_000_000,
        help: "Connections at a time; a further one closes the one that has waited longest for its client.")
    static let requestTimeout = Option<Duration>.duration(
        "REQUEST_TIMEOUT", default: "30s", help: "How long a request may take to arrive; then it is answered with 408.")
    static let queryTimeout = Option<Duration>.duration(
        "QUERY_TIMEOUT", default: "2m", help: "How long a request may take until its response begins; then it is answered with 504 (503 under /prometheus).")
    static let maxResponseSize = Option<Int>.size(
        "MAX_RESPONSE_SIZE", default: "64MiB", in: 1 << 16...1 << 32,
        help: "The largest response; a larger one is answered with 422. Exports and the stream are of any length.")
    static let queryMaxSamples = Option<Int>.int(
        "QUERY_MAX_SAMPLES", default: 10_000_000, in: 1...1_000_000_000,
        help: "Samples that a query under /prometheus may read and give, 16 bytes each.")
    static let queryLookback = Option<Duration>.duration(
        "QUERY_LOOKBACK", default: "5m", help: "How long a sample stands for its series in a query under /prometheus.")

    static let all: [any AnyOption] =
        [
            host, port, storage, retention, memoryLimit, defaultLimit, maxLimit, token, corsOrigins, maxConnections, requestTimeout,
            staleAfter, readyLag, queryTimeout, maxResponseSize, queryMaxSamples, queryLookback, swaggerDirectory,
        ]
        + InfluxDBOptions.all + VictoriaMetricsOptions.all + [DatabaseOptions.proxy] + QueueOptions.all
}
