import ExampleSupport

enum Storage: String, CaseIterable, Sendable { case memory, influxdb }

enum Options {
    static let host = Option<String>.string("API_HOST", default: "0.0.0.0", placeholder: "HOST", help: "Address to serve on.")
    static let port = Option<Int>.port("API_PORT", default: 8080, help: "Port to serve on; 0 takes a free one.")
    static let storage = Option<Storage>.choice(
        "STORAGE", default: .memory, help: "memory: read the queue and hold the samples here; influxdb: ask the database that collectors write to.")
    static let retention = Option<Duration?>.durationLimit(
        "RETENTION_PERIOD", help: "How long samples are held in memory, counted back from the newest.")
    static let defaultLimit = Option<Int>.int("DEFAULT_LIMIT", default: 100, in: 1...1_000_000, help: "Items of a list where the request names no limit.")
    static let maxLimit = Option<Int>.int("MAX_LIMIT", default: 1000, in: 1...1_000_000, help: "The largest limit that a request may name.")
    static let token = Option<String?>.optionalString(
        "API_TOKEN", isSecret: true, help: "What requests must present as bearer token; without it every request is answered.")
    static let swaggerDirectory = Option<String?>.optionalString(
        "SWAGGER_UI_DIR", shown: "beside the program", placeholder: "PATH", help: "Directory with the files of the Swagger UI.")

    static let all: [any AnyOption] =
        [host, port, storage, retention, defaultLimit, maxLimit, token, swaggerDirectory] + InfluxDBOptions.all + QueueOptions.all
}
