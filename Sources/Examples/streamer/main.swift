import ExampleSupport
import TelemetryMQClient
import TelemetryModels
import TelemetryPipeline
import TelemetryScraping

let program = Program(
    name: "streamer", summary: "Reads DCGM exports or scrapes a dcgm-exporter, and publishes the samples as batches to an mq-server.",
    options: Options.all)

await program.main { context in
    let log = context.log
    let id = context[Options.id] ?? instanceID()
    let source = try Source(context.configuration, id: id)
    for name in source.idleOptions(context.configuration) { log.warning("\(name) changes nothing for \(source.name)") }

    let watch = PeerWatch("queue", log: log)
    let streamer = Streamer(source: source.name, format: context[Options.format], bufferBatches: context[Options.bufferBatches], log: log)
    var queue = MQClient.Configuration(host: context[QueueOptions.host], port: context[QueueOptions.port])
    queue.clientID = id
    queue.token = context[QueueOptions.token]
    queue.onEvent = { event in
        switch event {
        case .connected(let peer, _): watch.found(["peer": peer])
        case .disconnected(let peer, _, let reason, let wait): watch.lost(["peer": peer, "reason": reason, "retry_after": wait.seconds])
        case .publishingToOtherLog(let old, let new): streamer.tellOfOtherLog(old: old, new: new)
        case .messagesSkipped, .logReset, .subscriptionDelayed, .subscriptionFailed: break  // Nothing is read.
        }
    }

    let address = "\(queue.host):\(queue.port)"
    var status: StatusServer?
    if let port = context[StatusOptions.port] {
        let host = context[StatusOptions.host]
        let server = try await StatusServer.start(
            program.name, host: host, port: port, content: streamer.status(watch, at: address))
        log.info("listening", ["http": "\(host):\(server.port)"])
        status = server
    }

    var start: LogFields = ["id": id, "source": source.name, "loop": source.loops, "queue": address]
    if case .exporter(let exporter) = source { start.append(proxy: exporter.proxy) }
    log.info("streaming", start)
    let report = Report(streamer: streamer, log: log, loops: source.loops)
    let client = try MQClient(configuration: queue)

    let collecting = Task {
        switch source {
        case .csv(var csv):
            csv.onProgress = { streamer.note($0) }
            try await streamer.collect { try CSVSource(csv) }
        case .exporter(var exporter):
            exporter.onProgress = { streamer.note($0) }
            let watch = PeerWatch("exporter", log: log)
            exporter.onEvent = { streamer.tell($0, of: watch) }
            try await streamer.collect { try ScrapeSource(exporter) }
        }
    }
    let delivering = Task {
        defer { collecting.cancel() }
        try await streamer.deliver(to: client)
    }
    // Now, and not with the first batch: whoever asks /ready wants to know whether the queue is there.
    let connecting = Task { _ = try? await client.statistics() }
    let reporting = Task { await report.run(every: context[Options.progressInterval]) }
    let stopping = Task {
        guard let signal = await context.signals.first() else { return }
        log.info("draining", ["signal": signal, "waiting_batches": streamer.waiting])
        collecting.cancel()
        try await Task.sleep(for: context[Options.drainTimeout])
        streamer.giveUp()
        delivering.cancel()
    }

    let collected = await collecting.result
    let delivered = await delivering.result
    connecting.cancel()
    reporting.cancel()
    stopping.cancel()
    await client.close(within: .zero)
    await status?.shutdown()

    if case .failure(let error) = collected, streamer.counts.source.rowsRead == 0 { throw error }
    let isWhole = report.finish()
    try collected.get()
    do {
        try delivered.get()
    } catch let error as MQError where error.code == .unauthorized {
        throw ProgramError("\(error); the option is MQ_TOKEN")
    }
    return isWhole ? Program.ExitCode.done : Program.ExitCode.failed
}
