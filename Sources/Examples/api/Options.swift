import ExampleDatabases
import ExampleSupport
import TelemetryMQClient

enum Storage: String, CaseIterable, Sendable { case memory, influxdb, victoriametrics }

enum Options {
    static let host = Option<String>.host("API_HOST", default: "0.0.0.0", help: "Address to serve on.")
    static let port = Option<Int>.port("API_PORT", default: 8080, help: "Port to serve on; 0: a free port.")
    static let storage = Option<Storage>.choice(
        "STORAGE", default: .memory,
        help: "`memory`: read the queue and keep the samples in memory; `influxdb`, `victoriametrics`: query the "
            + "database that collectors write to.")
    static let retention = Option<Duration?>.durationLimit(
        "RETENTION_PERIOD", help: "Maximum age of samples in memory, relative to the newest sample.")
    static let memoryLimit = Option<Int>.size(
        "MEMORY_LIMIT", default: "1GiB", in: 1 << 20...1 << 44,
        help: "Memory limit for samples and series; the oldest samples are evicted first.")
    static let defaultLimit = Option<Int>.int(
        "DEFAULT_LIMIT", default: 100, in: 1...1_000_000,
        help: "Number of items per page if the request has no `limit`.")
    static let maxLimit = Option<Int>.int(
        "MAX_LIMIT", default: 1000, in: 1...1_000_000, help: "Maximum value of `limit` in a request.")
    static let token = Option<String?>.optionalString(
        "API_TOKEN", isSecret: true,
        help: "Bearer token that requests must present; if not set, every request is accepted.")
    static let swaggerDirectory = Option<String?>.optionalString(
        "SWAGGER_UI_DIR", placeholder: "PATH",
        help: "Directory with the files of Swagger UI; if not set, `/swagger` is a plain list of operations.")
    static let corsOrigins = Option<[String]>(
        "CORS_ORIGINS", default: [], shown: "empty", placeholder: "ORIGINS",
        help: "Comma-separated origins whose pages may use the API from a browser (`https://grafana.example.org`); "
            + "`*`: all; empty: none."
    ) { (text) throws(OptionValueError) in
        let origins = text.split(separator: ",").map { String($0.drop { $0 == " " }) }
        for origin in origins where origin != "*" {
            // An origin has no path: a browser sends it without the slash, and nothing would ever match.
            let parts = origin.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 3, ["http:", "https:"].contains(parts[0]), parts[1].isEmpty, !parts[2].isEmpty,
                !origin.contains("@")
            else {
                throw OptionValueError(
                    "expected origins such as https://grafana.example.org, without a path, or *; not "
                        + "'\(Secrets.redactedURL(origin))'")
            }
        }
        return origins
    }
    static let staleAfter = Option<Duration>.duration(
        "STALE_AFTER", default: "90s",
        help: "Time without samples, relative to the newest sample, after which a GPU or metric is reported as stale.")
    static let readyLag = Option<Int>.int(
        "READY_LAG", default: 100, in: 0...Int.max,
        help: "Maximum number of unread messages in the queue while `/ready` returns 200; `STORAGE=memory` only.")
    static let maxConnections = Option<Int>.int(
        "MAX_CONNECTIONS", default: 16_384, in: 1...1_000_000,
        help: "Maximum number of connections; a further one closes the connection that has waited longest for its "
            + "client.")
    static let requestTimeout = Option<Duration>.duration(
        "REQUEST_TIMEOUT", default: "30s", help: "Maximum time to receive a request; then the response is 408.")
    static let queryTimeout = Option<Duration>.duration(
        "QUERY_TIMEOUT", default: "2m",
        help: "Maximum time from a request to the start of its response; then the response is 504 (503 under "
            + "`/prometheus`).")
    static let maxResponseSize = Option<Int>.size(
        "MAX_RESPONSE_SIZE", default: "64MiB", in: 1 << 16...1 << 32,
        help: "Maximum size of a response; if it would be larger, the response is 422. Exports and the stream have no "
            + "limit.")
    static let queryMaxSamples = Option<Int>.int(
        "QUERY_MAX_SAMPLES", default: 10_000_000, in: 1...1_000_000_000,
        help: "Maximum number of samples that a query under `/prometheus` may read and return, 16 bytes each.")
    static let queryLookback = Option<Duration>.duration(
        "QUERY_LOOKBACK", default: "5m",
        help: "How long a sample is the current value of its series in a query under `/prometheus`.")

    static let all: [any AnyOption] =
        [
            host, port, storage, retention, memoryLimit, defaultLimit, maxLimit, token, corsOrigins, maxConnections,
            requestTimeout, staleAfter, readyLag, queryTimeout, maxResponseSize, queryMaxSamples, queryLookback,
            swaggerDirectory,
        ]
        + InfluxDBOptions.all + VictoriaMetricsOptions.all + [DatabaseOptions.proxy] + QueueOptions.all
}
