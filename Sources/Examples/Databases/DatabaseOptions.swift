import ExampleSupport
import TelemetryDatabases

/// Checks the value of an option that is the URL of a server.
private func address(_ text: String) throws(OptionValueError) -> String {
    guard ["http://", "https://"].contains(where: { text.hasPrefix($0) && text.count > $0.count }) else {
        throw OptionValueError("expected an address such as http://localhost:8086")
    }
    return text
}

/// The options that apply to either database.
package enum DatabaseOptions {
    package static let proxy = Option<String?>.proxy(
        "DATABASE_PROXY",
        help: "Proxy for requests to the database; environment variables such as `http_proxy` are ignored.")
}

/// The options of the programs that write to InfluxDB and of those that query it.
package enum InfluxDBOptions {
    package static let url = Option<String>(
        "INFLUXDB_URL", default: "http://localhost:8086", shown: "http://localhost:8086", placeholder: "URL",
        help: "URL of the InfluxDB server.", parse: address)
    package static let token = Option<String?>.optionalString(
        "INFLUXDB_TOKEN", isSecret: true, help: "Token for InfluxDB 2 and 3; `user:password` for InfluxDB 1.")
    package static let org = Option<String>.string(
        "INFLUXDB_ORG", default: "gpu_telemetry",
        help: "Organisation in InfluxDB 2.")
    package static let bucket = Option<String>.string(
        "INFLUXDB_BUCKET", default: "gpu_telemetry", help: "Bucket in InfluxDB 2 and 3, database in InfluxDB 1.")
    package static let version = Option<InfluxDBStore.Configuration.Version>.choice(
        "INFLUXDB_VERSION", default: .detect, help: "Major version of the server; `auto`: as reported by its `/ping`.")
    package static let schema = Option<InfluxDBStore.Configuration.Schema>.choice(
        "SCHEMA", default: .narrow,
        help: "`narrow`: one measurement per metric; `wide`: one measurement with a field per metric. Must be the "
            + "same in all programs that share a database.")
    package static let workloadTags = Option<Bool>.bool(
        "WORKLOAD_TAGS", default: false,
        help: "Store container, namespace and pod as tags: they can be searched, but every workload creates new "
            + "series. Must be the same in all programs that share a database.")

    package static let all: [any AnyOption] = [url, token, org, bucket, version, schema, workloadTags]
}

package enum VictoriaMetricsOptions {
    package static let url = Option<String>(
        "VICTORIAMETRICS_URL", default: "http://localhost:8428", shown: "http://localhost:8428", placeholder: "URL",
        help: "URL of a single-node VictoriaMetrics.", parse: address)
    package static let writeURL = Option<String?>(
        "VICTORIAMETRICS_WRITE_URL", default: nil, shown: "VICTORIAMETRICS_URL", placeholder: "URL",
        help: "URL of vminsert in a cluster, with the tenant: `http://vminsert:8480/insert/0/prometheus`.",
        parse: { (text) throws(OptionValueError) in try address(text) })
    package static let readURL = Option<String?>(
        "VICTORIAMETRICS_READ_URL", default: nil, shown: "VICTORIAMETRICS_URL", placeholder: "URL",
        help: "URL of vmselect in a cluster, with the tenant: `http://vmselect:8481/select/0/prometheus`.",
        parse: { (text) throws(OptionValueError) in try address(text) })
    package static let token = Option<String?>.optionalString(
        "VICTORIAMETRICS_TOKEN", isSecret: true, help: "Bearer token for vmauth in front of VictoriaMetrics.")
    package static let database = Option<String>.string(
        "VICTORIAMETRICS_DB", default: "gpu_telemetry",
        help: "Value of the label `db`, which separates these samples from others.")

    package static let all: [any AnyOption] = [url, writeURL, readURL, token, database]
}

extension InfluxDBStore.Configuration {
    package init(_ context: Program.Context) {
        self.init(
            url: context[InfluxDBOptions.url], token: context[InfluxDBOptions.token], org: context[InfluxDBOptions.org],
            bucket: context[InfluxDBOptions.bucket], workloadTags: context[InfluxDBOptions.workloadTags],
            schema: context[InfluxDBOptions.schema],
            version: context[InfluxDBOptions.version])
        proxy = context[DatabaseOptions.proxy]
    }
}

extension VictoriaMetricsStore.Configuration {
    package init(_ context: Program.Context) {
        self.init(url: context[VictoriaMetricsOptions.url])
        writeURL = context[VictoriaMetricsOptions.writeURL] ?? writeURL
        readURL = context[VictoriaMetricsOptions.readURL] ?? readURL
        token = context[VictoriaMetricsOptions.token]
        database = context[VictoriaMetricsOptions.database]
        proxy = context[DatabaseOptions.proxy]
    }
}
