/// Options that more than one program has, so that they mean the same everywhere.
package enum QueueOptions {
    package static let host = Option<String>.host(
        "MQ_HOST", default: "localhost", help: "Host name or address of the mq-server.")
    package static let port = Option<Int>.int(
        "MQ_PORT", default: 9000, in: 1...65535, placeholder: "PORT", help: "TCP port of the mq-server.")
    package static let token = Option<String?>.optionalString(
        "MQ_TOKEN", isSecret: true, help: "Token that the mq-server requires.")

    package static let all: [any AnyOption] = [host, port, token]
}

/// The options of a `ServiceEndpoints`.
package enum StatusOptions {
    package static let host = Option<String>.host(
        "HTTP_HOST", default: "0.0.0.0", help: "Address that serves `/health`, `/ready` and `/metrics`.")
    package static let port = Option<Int?>.optionalPort(
        "HTTP_PORT",
        help: "Port that serves `/health`, `/ready` and `/metrics`; 0: a free port; not set: they are not served.")

    package static let all: [any AnyOption] = [host, port]
}
