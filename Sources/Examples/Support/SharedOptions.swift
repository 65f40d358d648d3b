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

/// What an option takes that is the address of a server.
private func address(_ text: String) throws(OptionValueError) -> String {
    guard ["http://", "https://"].contains(where: { text.hasPrefix($0) && text.count > $0.count }) else {
        throw OptionValueError("expected an address such as http://localhost:8086")
    }
    return text
}

package enum InfluxDBOptions {
    package static let url = Option<String>(
        "INFLUXDB_URL", default: "http://localhost:8086", shown: "http://localhost:8086", placeholder: "URL",
        help: "Address of the InfluxDB server.", parse: address)
    package static let token = Option<String?>.optionalString(
        "INFLUXDB_TOKEN", isSecret: true, help: "Token of InfluxDB 2 and 3; InfluxDB 1 takes user:password.")
    package static let org = Option<String>.string("INFLUXDB_ORG", default: "gpu_telemetry", help: "Organisation, for InfluxDB 2.")
    package static let bucket = Option<String>.string(
        "INFLUXDB_BUCKET", default: "gpu_telemetry", help: "Bucket of InfluxDB 2 and 3, database of InfluxDB 1.")

    package static let all: [any AnyOption] = [url, token, org, bucket]
}

package enum VictoriaMetricsOptions {
    package static let url = Option<String>(
        "VICTORIAMETRICS_URL", default: "http://localhost:8428", shown: "http://localhost:8428", placeholder: "URL",
        help: "Address of a single node of VictoriaMetrics.", parse: address)
    package static let writeURL = Option<String?>(
        "VICTORIAMETRICS_WRITE_URL", default: nil, shown: "VICTORIAMETRICS_URL", placeholder: "URL",
        help: "Of a cluster: vminsert with the tenant, http://vminsert:8480/insert/0/prometheus.",
        parse: { (text) throws(OptionValueError) in try address(text) })
    package static let readURL = Option<String?>(
        "VICTORIAMETRICS_READ_URL", default: nil, shown: "VICTORIAMETRICS_URL", placeholder: "URL",
        help: "Of a cluster: vmselect with the tenant, http://vmselect:8481/select/0/prometheus.",
        parse: { (text) throws(OptionValueError) in try address(text) })
    package static let token = Option<String?>.optionalString(
        "VICTORIAMETRICS_TOKEN", isSecret: true, help: "Bearer token, for a vmauth in front of VictoriaMetrics.")
    package static let database = Option<String>.string(
        "VICTORIAMETRICS_DB", default: "gpu_telemetry", help: "Value of the label db, by which these samples are told from others.")

    package static let all: [any AnyOption] = [url, writeURL, readURL, token, database]
}
