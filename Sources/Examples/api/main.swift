import ExampleDatabases
import ExampleSupport
import TelemetryDatabases
import TelemetryGateway
import TelemetryMQClient
import TelemetryStores

let program = Program(
    name: "api",
    summary: "Serves GPU telemetry as a REST API, from memory fed by the queue, from InfluxDB or from VictoriaMetrics.",
    options: Options.all)

raiseDescriptorLimit()
MemoryReport.prepare()

await program.main { context in
    var gateway = try Gateway.Configuration(context)
    let live = LiveSamples()
    gateway.live = live
    let link = try QueueLink(context, live: live)
    gateway.statistics = { link.statistics }

    switch context[Options.storage] {
    case .influxdb:
        let database = InfluxDBStore.Configuration(context)
        let store = try InfluxDBStore(configuration: database)
        let feed = LiveFeed(link: link, live: live)
        try await serve(
            store, gateway, storage: Secrets.redactedURL(database.url), isFed: false, feed.run, link, context)
        await store.close()

    case .victoriametrics:
        let database = VictoriaMetricsStore.Configuration(context)
        let store = try VictoriaMetricsStore(configuration: database)
        let feed = LiveFeed(link: link, live: live)
        try await serve(
            store, gateway, storage: Secrets.redactedURL(database.readURL), isFed: false, feed.run, link, context)
        await store.close()

    case .memory:
        var memory = MemoryStore.Configuration(
            retentionPeriod: context[Options.retention], maxBytes: context[Options.memoryLimit])
        let log = context.log
        memory.onEvent = { MemoryReport.log($0, log) }
        let store = MemoryStore(configuration: memory)
        let report = MemoryReport(store: store)
        let feed = QueueFeed(link, store: store, live: live, context)
        gateway.readiness = { feed.readiness + [report.readiness] }
        gateway.metrics = {
            feed.appendMetrics(to: &$0)
            report.appendMetrics(to: &$0)
        }
        gateway.statistics = { feed.statistics + [report.statistics] + link.statistics }
        let tidying = Task { await report.giveBackFreed() }
        defer { tidying.cancel() }
        try await serve(store, gateway, storage: "memory", isFed: true, feed.run, link, context)
    }
    context.log.info("stopped")
    return Program.ExitCode.done
}

/// Until a signal, or until the queue refuses to feed a store that has its samples from there.
func serve(
    _ store: some TelemetryStore, _ configuration: Gateway.Configuration, storage: String, isFed: Bool,
    _ feed: @escaping @Sendable () async throws -> Void, _ link: QueueLink, _ context: Program.Context
) async throws {
    let gateway = Gateway(store: store, configuration: configuration)
    let port = try await gateway.start()
    var start: LogFields = ["http": "\(configuration.host):\(port)", "storage": storage]
    if !isFed { start.append(proxy: context[DatabaseOptions.proxy]) }
    context.log.info("listening", start)

    let feeding = Task { try await feed() }
    let watching = Task { await link.watchQueue() }
    let waiting = Task { await context.signals.first() }
    Task {
        guard case .failure(let error) = await feeding.result, !(error is CancellationError) else { return }
        // A database has the samples anyway; without a queue only the stream has none.
        if isFed { waiting.cancel() } else { configuration.live?.problem = "no new samples: \(error)" }
    }
    if let signal = await waiting.value { context.log.info("draining", ["signal": signal]) }
    feeding.cancel()
    watching.cancel()
    let fed = await feeding.result
    await gateway.shutdown()
    await link.close()
    if isFed, case .failure(let error) = fed, !(error is CancellationError) { throw error }
}

extension Gateway.Configuration {
    init(_ context: Program.Context) throws {
        self.init()
        host = context[Options.host]
        port = context[Options.port]
        defaultLimit = context[Options.defaultLimit]
        maxLimit = context[Options.maxLimit]
        guard defaultLimit <= maxLimit else {
            throw UsageError("DEFAULT_LIMIT=\(defaultLimit) is larger than MAX_LIMIT=\(maxLimit)")
        }
        apiToken = context[Options.token]
        swaggerUIDirectory = context[Options.swaggerDirectory]
        corsOrigins = context[Options.corsOrigins]
        healthRules.staleAfter = context[Options.staleAfter]
        maxConnections = context[Options.maxConnections]
        requestTimeout = context[Options.requestTimeout]
        promQL.timeout = context[Options.queryTimeout]
        queryTimeout = context[Options.queryTimeout]
        maxResponseBytes = context[Options.maxResponseSize]
        promQL.maxSamples = context[Options.queryMaxSamples]
        promQL.lookback = context[Options.queryLookback]
        let log = context.log
        // Not put together where nobody reads it.
        if log.level <= .debug {
            onRequest = { request in
                log.debug(
                    "request",
                    [
                        "id": request.id, "method": request.method, "path": request.path, "status": request.status,
                        "seconds": request.duration.seconds, "peer": request.peer,
                    ])
            }
        }
    }
}
