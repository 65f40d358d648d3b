import ExampleDatabases
import ExampleSupport
import TelemetryMQClient
import TelemetryMQServer
import TelemetryPipeline
import TelemetryStores

/// Collects until a signal arrives, or until the queue refuses this collector. What was read before is stored, within
/// the drain timeout.
func collect<Store: TelemetryStore>(into store: Store, at url: String, _ context: Program.Context) async throws {
    let id = context.subscriberID
    let deadLetters = DeadLetters(path: context[Options.deadLetterFile])
    let log = CollectorLog(context.log)
    let collector = Collector(store: store, configuration: .init(context, deadLetters)) { log.add($0) }
    let queue = try QueueConnection(context, id: id, role: .reads, idOption: Options.id.name)
    let subscription = queue.client.subscribe(id: id, from: context[Options.offset].position)
    logStart(queue, databaseURL: url, context)

    let status = CollectorStatus(
        collector: collector, store: store, queue: queue, databaseURL: url, deadLetters: deadLetters)
    let server = try await ServiceEndpoints.start("collector", context, content: status.content)
    // Only the status server shows how far the database is behind.
    let watching = server == nil ? nil : Task { await queue.watchServer(every: .seconds(5)) }
    let reporting = Task {
        await log.reportProgress(collector, store, every: context[Options.progressInterval])
    }
    let reader = MessageReader(subscription)
    let storing = Task { try await storeUntilStopped(reader, subscription, queue, collector, context) }
    let stored = await storing.result
    let readError = await reader.end()

    watching?.cancel()
    reporting.cancel()
    subscription.close()
    await queue.close()
    await server?.shutdown()
    log.finished(collector.counters, expired: store.expiredSamples, deadLettered: deadLetters.samplesKept)
    // A reader that was ended in the middle of what had arrived has not received the refusal.
    if let refusal = queue.failure ?? readError { throw ProgramError(queue.explanation(of: refusal, id: id)) }
    if case .failure(let error) = stored, !(error is CancellationError) { throw error }
}

/// Stores and commits what is read, until a signal or a refusal by the queue; from then on for the drain timeout.
private func storeUntilStopped<Store: TelemetryStore>(
    _ reader: MessageReader, _ subscription: Subscription, _ queue: QueueConnection, _ collector: Collector<Store>,
    _ context: Program.Context
) async throws {
    let (log, limit) = (context.log, context[Options.drainTimeout])
    try await drain(until: { await context.signals.first() }, within: limit) { signal in
        log.info("draining", ["signal": signal, "waiting_samples": collector.pendingSamples])
        reader.stop()
    } onTimeout: {
        reader.abandon()
    } work: {
        // The reader receives the error after what had arrived, which a database that is away does not take.
        try await drain(until: { await queue.subscriptionFailure() }, within: limit) { error in
            log.error("subscription ended", ["reason": "\(error)", "waiting_samples": collector.pendingSamples])
        } onTimeout: {
            reader.abandon()
        } work: {
            try await collector.run(reader.messages) { stored in
                guard let position = LogPosition(offset: stored.offset, log: stored.log) else { return }
                try await subscription.commit(through: position)
            }
        }
    }
}

private func logStart(_ queue: QueueConnection, databaseURL: String, _ context: Program.Context) {
    var start: LogFields = [
        "id": context.subscriberID, "queue": queue.address, "database": databaseURL,
        "shard": context[Options.shard]?.description ?? "all",
    ]
    start.append(proxy: context[DatabaseOptions.proxy])
    context.log.info("collecting", start)
}

extension Program.Context {
    /// The id under which positions are committed.
    fileprivate var subscriberID: String {
        self[Options.id] ?? "collector" + (self[Options.shard].map { "-\($0.index)-\($0.count)" } ?? "")
    }
}

extension Collector.Configuration {
    fileprivate init(_ context: Program.Context, _ letters: DeadLetters) {
        self.init()
        groupSize = context[Options.batchSize]
        groupBytes = context[Options.batchBytes]
        flushInterval = context[Options.flushInterval]
        writesAtOnce = context[Options.writesAtOnce]
        shard = context[Options.shard]
        deadLetters = { try letters.keep($0) }
    }
}

extension StartOffset {
    fileprivate var position: MQClient.StartPosition {
        switch self {
        case .committed: .committed
        case .earliest: .earliest
        case .latest: .latest
        case .number(let offset): .offset(offset)
        }
    }
}
