import ExampleSupport
import TelemetryKit
import TelemetryMQ

let program = Program(
    name: "streamer", summary: "Reads a DCGM export and publishes its rows as batches to an mq-server.", options: Options.all)

await program.main { context in
    let log = context.log
    let id = context[Options.id] ?? instanceID()
    guard !context[Options.csvPath].isEmpty else {
        throw UsageError("no file to read: name it by --csv-path PATH, or by CSV_PATH in the environment")
    }
    var source = CSVSource.Configuration(path: context[Options.csvPath], source: id)
    source.hosts = HostFilter(context[Options.hostFilter])
    source.loop = context[Options.loop]
    source.rate = context[Options.rate] ?? (source.loop ? 1000 : 0)
    source.timestamps = context[Options.timestamps]
    source.batchSize = context[Options.batchSize]
    source.interval = context[Options.interval]

    let watch = PeerWatch("queue", log: log)
    var queue = MQClient.Configuration(host: context[QueueOptions.host], port: context[QueueOptions.port])
    queue.clientID = id
    queue.token = context[QueueOptions.token]
    queue.onEvent = { event in
        switch event {
        case .connected(let peer): watch.found(["peer": peer])
        case .disconnected(let peer, let reason, let wait): watch.lost(["peer": peer, "reason": reason, "retry_after": wait.seconds])
        case .messagesSkipped, .logReset: break
        }
    }

    log.info("streaming", ["id": id, "file": source.path, "loop": source.loop, "rate": source.rate, "queue": "\(queue.host):\(queue.port)"])
    let streamer = Streamer(source, format: context[Options.format], log: log)
    let report = Report(streamer, log: log)
    let client = MQClient(configuration: queue)

    let collecting = Task { try await streamer.collect() }
    let delivering = Task {
        defer { collecting.cancel() }
        try await streamer.deliver(to: client)
    }
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
    reporting.cancel()
    stopping.cancel()
    await client.close(within: .zero)

    if case .failure(let error as CSVError) = collected, streamer.counts.source.rowsRead == 0 { throw error }
    if streamer.counts.source.rowsRead > 0, streamer.counts.source.rowsSelected == 0 {
        log.warning("no row is of a host that was asked for", ["host_filter": context[Options.hostFilter]])
    }
    report.finish()
    try collected.get()
    do {
        try delivered.get()
    } catch let error as MQError where error.code == .unauthorized {
        throw ProgramError("\(error); the option is MQ_TOKEN")
    }
    return streamer.counts.undelivered == 0 ? Program.ExitCode.done : Program.ExitCode.failed
}
