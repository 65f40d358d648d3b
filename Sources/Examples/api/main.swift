import ExampleDatabases
import ExampleSupport
import TelemetryKit
import TelemetryMQ

let program = Program(
    name: "api", summary: "Serves GPU telemetry as a REST API, from memory fed by the queue, from InfluxDB or from VictoriaMetrics.", options: Options.all)

raiseDescriptorLimit()

await program.main { context in
    let log = context.log
    var gateway = Gateway.Configuration()
    gateway.host = context[Options.host]
    gateway.port = context[Options.port]
    gateway.defaultLimit = context[Options.defaultLimit]
    gateway.maxLimit = context[Options.maxLimit]
    guard gateway.defaultLimit <= gateway.maxLimit else {
        throw UsageError("DEFAULT_LIMIT=\(gateway.defaultLimit) is larger than MAX_LIMIT=\(gateway.maxLimit)")
    }
    gateway.apiToken = context[Options.token]
    gateway.swaggerUIDirectory = context[Options.swaggerDirectory]
    // Not put together where nobody reads it.
    if log.level <= .debug {
        gateway.onRequest = { request in
            log.debug(
                "request",
                [
                    "method": request.method, "path": request.path, "status": request.status,
                    "seconds": request.duration.seconds, "peer": request.peer,
                ])
        }
    }

    switch context[Options.storage] {
    case .influxdb:
        let database = InfluxDBStore.Configuration(context)
        let store = try InfluxDBStore(configuration: database)
        try await serve(store, gateway, storage: database.url, feed: nil, context)
        await store.close()

    case .victoriametrics:
        let database = VictoriaMetricsStore.Configuration(context)
        let store = try VictoriaMetricsStore(configuration: database)
        try await serve(store, gateway, storage: database.readURL, feed: nil, context)
        await store.close()

    case .memory:
        let store = MemoryStore(
            configuration: .init(retentionPeriod: context[Options.retention], maximumBytes: context[Options.memoryLimit]))
        var queue = MQClient.Configuration(host: context[QueueOptions.host], port: context[QueueOptions.port])
        queue.clientID = "api-" + instanceID()
        queue.token = context[QueueOptions.token]
        let feed = QueueFeed(queue, store: store, log: log)
        gateway.readiness = { [feed.readiness] }
        gateway.metrics = { feed.metrics }
        gateway.statistics = { feed.statistics }
        try await serve(store, gateway, storage: "memory", feed: feed, context)
        await feed.close()
    }
    log.info("stopped")
    return Program.ExitCode.done
}

/// Until a signal, or until the feed cannot go on.
func serve(
    _ store: some TelemetryStore, _ configuration: Gateway.Configuration, storage: String, feed: QueueFeed?, _ context: Program.Context
) async throws {
    let gateway = Gateway(store: store, configuration: configuration)
    let port = try await gateway.start()
    context.log.info("listening", ["http": "\(configuration.host):\(port)", "storage": storage])

    let feeding = Task { try await feed?.run() }
    let waiting = Task { await context.signals.first() }
    if feed != nil {
        // Feeding ends by itself only where the queue refuses it: then there is nothing more to wait for.
        Task {
            _ = await feeding.result
            waiting.cancel()
        }
    }
    if let signal = await waiting.value { context.log.info("draining", ["signal": signal]) }
    feeding.cancel()
    let fed = await feeding.result
    await gateway.shutdown()
    if case .failure(let error) = fed, !(error is CancellationError) { throw error }
}
