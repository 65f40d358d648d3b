/// Options that more than one program has, so that they mean the same everywhere.
package enum QueueOptions {
    package static let host = Option<String>.string(
        "MQ_HOST", default: "localhost", placeholder: "HOST", help: "Host of the mq-server.")
    package static let port = Option<Int>.int(
        "MQ_PORT", default: 9000, in: 1...65535, placeholder: "PORT", help: "TCP port of the mq-server.")
    package static let token = Option<String?>.optionalString(
        "MQ_TOKEN", isSecret: true, help: "What the mq-server asks of its clients.")

    package static let all: [any AnyOption] = [host, port, token]
}

/// Of a ``StatusServer``.
package enum StatusOptions {
    package static let host = Option<String>.string(
        "HTTP_HOST", default: "0.0.0.0", placeholder: "HOST", help: "Address of /health, /ready and /metrics.")
    package static let port = Option<Int?>.optionalPort(
        "HTTP_PORT", help: "Port of /health, /ready and /metrics; 0 takes a free one, and without it they are not served.")

    package static let all: [any AnyOption] = [host, port]
}

package enum InfluxDBOptions {
    package static let url = Option<String>(
        "INFLUXDB_URL", default: "http://localhost:8086", shown: "http://localhost:8086", placeholder: "URL",
        help: "Address of the InfluxDB server.",
        parse: { (text) throws(OptionValueError) in
            guard ["http://", "https://"].contains(where: { text.hasPrefix($0) && text.count > $0.count }) else {
                throw OptionValueError("expected an address such as http://localhost:8086")
            }
            return text
        })
    package static let token = Option<String?>.optionalString(
        "INFLUXDB_TOKEN", isSecret: true, help: "Token of InfluxDB 2 and 3; InfluxDB 1 takes user:password.")
    package static let org = Option<String>.string("INFLUXDB_ORG", default: "gpu_telemetry", help: "Organisation, for InfluxDB 2.")
    package static let bucket = Option<String>.string(
        "INFLUXDB_BUCKET", default: "gpu_telemetry", help: "Bucket of InfluxDB 2 and 3, database of InfluxDB 1.")
    package static let version = Option<Version>.choice(
        "INFLUXDB_VERSION", default: .auto, help: "Generation of the server; auto: what its /ping says.")
    package static let schema = Option<Schema>.choice(
        "SCHEMA", default: .narrow,
        help: "narrow: a measurement for every metric; wide: one measurement, a field for every metric. The same for all who share a database.")
    package static let workloadTags = Option<Bool>.bool(
        "WORKLOAD_TAGS", default: false,
        help: "Store container, namespace and pod as tags: searchable, but every workload makes new series. The same for all who share a database.")

    // The raw values are those of InfluxDBStore.Configuration.
    package enum Version: String, CaseIterable, Sendable { case auto, v1 = "1", v2 = "2", v3 = "3" }
    package enum Schema: String, CaseIterable, Sendable { case narrow, wide }

    package static let all: [any AnyOption] = [url, token, org, bucket, version, schema, workloadTags]
}
