import ExampleDatabases
import ExampleSupport
import TelemetryDatabases
import TelemetryStores

let program = Program(
    name: "collector",
    summary:
        "Reads batches from an mq-server and writes them to InfluxDB or VictoriaMetrics; commits only what is stored.",
    options: Options.all)

await program.main { context in
    switch context[Options.storage] {
    case .influxdb:
        var database = InfluxDBStore.Configuration(context)
        database.retentionPeriod = context[Options.retention]
        database.maxBodyBytes = context[Options.batchBytes]
        database.maxConnections = context[Options.writesAtOnce]
        let store = try InfluxDBStore(configuration: database)
        try await collect(into: store, at: Secrets.redactedURL(database.url), context)
        await store.close()
    case .victoriametrics:
        var database = VictoriaMetricsStore.Configuration(context)
        database.maxBodyBytes = context[Options.batchBytes]
        database.maxConnections = context[Options.writesAtOnce]
        let store = try VictoriaMetricsStore(configuration: database)
        try await collect(into: store, at: Secrets.redactedURL(database.writeURL), context)
        await store.close()
    }
    return Program.ExitCode.done
}
