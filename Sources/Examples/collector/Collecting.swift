import ExampleDatabases
import ExampleSupport
import TelemetryMQClient
import TelemetryPipeline
import TelemetryStores

/// Until a signal, or until the queue refuses this collector. What was read before is stored, within the drain timeout.
func collect<Store: TelemetryStore>(into store: Store, at url: String, _ context: Program.Context) async throws {
    let log = context.log
    let shard = context[Options.shard]
    let id = context[Options.id] ?? "collector" + (shard.map { "-\($0.index)-\($0.count)" } ?? "")

    let deadLetters = DeadLetters(path: context[Options.deadLetterFile])
    var grouping = Collector<Store>.Configuration()
    grouping.groupSize = context[Options.batchSize]
    grouping.groupBytes = context[Options.batchBytes]
    grouping.flushInterval = context[Options.flushInterval]
    grouping.writesAtOnce = context[Options.writesAtOnce]
    grouping.shard = shard
    grouping.deadLetters = { try deadLetters.keep($0) }
    let databaseWatch = PeerWatch("database", log: log, isConnected: true)
    let collector = Collector(store: store, configuration: grouping) { tell($0, of: databaseWatch, log) }

    let queueWatch = PeerWatch("queue", log: log)
    let readingWatch = ReadingWatch(log: log)
    let (refusals, refusal) = AsyncStream.makeStream(of: MQError.self)
    var queue = MQClient.Configuration(host: context[QueueOptions.host], port: context[QueueOptions.port])
    queue.clientID = id
    queue.token = context[QueueOptions.token]
    queue.onEvent = { event in
        switch event {
        // The samples come over the connection of the subscription; the other one asks for the lag.
        case .connected(_, nil), .disconnected(_, nil, _, _): break
        case .connected(let peer, _): queueWatch.found(["peer": peer])
        case .disconnected(let peer, _, let reason, let wait):
            queueWatch.lost(["peer": peer, "reason": reason, "retry_after": wait.seconds])
        case .messagesSkipped, .logReset, .subscriptionDelayed: readingWatch.take(event)
        case .publishingToOtherLog: break  // Nothing is published.
        case .subscriptionFailed(_, let error): refusal.yield(error)
        }
    }

    let client = try MQClient(configuration: queue)
    let subscription = client.subscribe(id: id, from: context[Options.offset].position)
    var start: LogFields = [
        "id": id, "queue": "\(queue.host):\(queue.port)", "database": url, "shard": shard?.description ?? "all",
    ]
    start.append(proxy: context[DatabaseOptions.proxy])
    log.info("collecting", start)

    let lag = Lag(client, collector)
    var status: StatusServer?
    if let port = context[StatusOptions.port] {
        let host = context[StatusOptions.host]
        let content = CollectorStatus(
            collector: collector, store: store, queue: queueWatch, reading: readingWatch, queueAddress: "\(queue.host):\(queue.port)", databaseURL: url,
            deadLetters: deadLetters, lag: { lag.messages }
        ).content
        let server = try await StatusServer.start("collector", host: host, port: port, content: content)
        log.info("listening", ["http": "\(host):\(server.port)"])
        status = server
    }

    // Between the two a short queue, so that reading can end while what was read is still being stored and committed.
    let messages = BoundedQueue<CollectorMessage>(capacity: 4)
    let reading = Task {
        defer { messages.finish() }
        // To its end, also where nobody takes them any more: what ended the subscription comes behind them.
        for try await message in subscription {
            _ = await messages.send(
                CollectorMessage(
                    offset: message.offset, payload: Array(message.payload), log: message.position.log))
        }
    }
    let storing = Task {
        try await collector.run(messages) { stored in
            guard let position = LogPosition(offset: stored.offset, log: stored.log) else { return }
            try await subscription.commit(through: position)
        }
    }
    @Sendable func giveUpAfterDrainTimeout() async throws {
        try await Task.sleep(for: context[Options.drainTimeout])
        storing.cancel()
        messages.abort()
    }
    let stopping = Task {
        guard let signal = await context.signals.first() else { return }
        log.info("draining", ["signal": signal, "waiting_samples": collector.pendingSamples])
        messages.finish()
        reading.cancel()
        try await giveUpAfterDrainTimeout()
    }
    // The reading task hears of it behind what had arrived, which a database that is away does not take.
    let refusing = Task {
        for await error in refusals {
            log.error("subscription ended", ["reason": "\(error)", "waiting_samples": collector.pendingSamples])
            try await giveUpAfterDrainTimeout()
        }
    }
    let asking = status == nil ? nil : Task { await lag.run() }
    let reporting = Task { await report(collector, store, every: context[Options.progressInterval], log) }

    let stored = await storing.result
    reading.cancel()
    let read = await reading.result
    asking?.cancel()
    reporting.cancel()
    stopping.cancel()
    refusing.cancel()
    subscription.close()
    await client.close(within: .zero)
    await status?.shutdown()

    log.info("finished", finalFields(collector.counters, expired: store.expiredSamples, deadLettered: deadLetters.samplesKept))
    if case .failure(let error as MQError) = read, error.code != .cancelled { throw explained(error, id: id) }
    if case .failure(let error) = stored, !(error is CancellationError) { throw error }
}

private func finalFields(_ counters: CollectorCounters, expired: Int, deadLettered: Int) -> LogFields {
    [
        "messages": counters.messages, "stored": counters.samplesStored, "digest": counters.digest, "expired": expired,
        "refused": counters.samplesRefused, "dead_lettered": deadLettered, "undecodable": counters.undecodableMessages,
        "last_stored_offset": counters.lastStoredOffset ?? -1,
    ]
}

private func tell(_ event: CollectorEvent, of database: PeerWatch, _ log: Logger) {
    switch event {
    case .storeUnavailable(let error, _, let wait):
        let fields: LogFields = ["reason": "\(error)", "retry_after": wait.seconds]
        // Time mends the others.
        if error.kind == .unauthorized || error.kind == .rejected { log.error("database refuses", fields) }
        database.lost(fields)
    case .storeRecovered(let attempts): database.found(["after_attempts": attempts])
    case .undecodable(let offset, let error): log.error("message passed over", ["offset": offset, "reason": "\(error)"])
    case .refused(let refused):
        log.error("samples refused", ["batch": refused.batch.batchID, "samples": refused.batch.count, "reason": refused.reason])
    case .deadLettersFailed(let error, let wait):
        log.error("dead letters not written, nothing is committed", ["reason": "\(error)", "retry_after": wait.seconds])
    case .commitFailed(let position, let error):
        log.warning(
            "position not committed",
            ["offset": position.offset, "log": position.log ?? "unknown", "reason": "\(error)"])
    }
}

private func report<Store: TelemetryStore>(
    _ collector: Collector<Store>, _ store: Store, every interval: Duration, _ log: Logger
) async {
    guard interval > .zero else { return }
    var hasToldOfExpired = false
    while (try? await Task.sleep(for: interval)) != nil {
        let counters = collector.counters
        log.info(
            "progress",
            [
                "stored": counters.samplesStored, "waiting_samples": collector.pendingSamples,
                "last_stored_offset": counters.lastStoredOffset ?? -1, "expired": store.expiredSamples,
            ])
        if !hasToldOfExpired, store.expiredSamples > 0 {
            hasToldOfExpired = true
            log.warning(
                "the database does not keep samples that are older than its retention",
                ["samples": store.expiredSamples, "metric": "collector_samples_expired_total"])
        }
    }
}

/// Adds what a person can do about it.
private func explained(_ error: MQError, id: String) -> ProgramError {
    switch error.code {
    case .unauthorized: ProgramError("\(error); the option is MQ_TOKEN")
    case .superseded: ProgramError("\(error); another collector has the id \(id): give each its own COLLECTOR_ID")
    default: ProgramError("\(error)")
    }
}

extension StartOffset {
    var position: MQClient.StartPosition {
        switch self {
        case .committed: .committed
        case .earliest: .earliest
        case .latest: .latest
        case .number(let offset): .offset(offset)
        }
    }
}
