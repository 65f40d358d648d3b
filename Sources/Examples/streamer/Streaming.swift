import ExampleSupport
import TelemetryMQClient
import TelemetryMQServer
import TelemetryModels
import TelemetryPipeline
import TelemetryScraping

/// Streams to the end of the source, or until a signal; what was collected is delivered, within the drain timeout.
/// Returns the exit code.
func stream(_ context: Program.Context) async throws -> Int32 {
    let log = context.log
    let id = context[Options.id] ?? instanceID()
    let source = try Source(context.configuration, id: id)
    for name in source.idleOptions(context.configuration) { log.warning("\(name) changes nothing for \(source.name)") }

    let streamer = Streamer(source: source.name, context)
    let queue = try QueueConnection(context, id: id, role: .publishes) { event in
        if case .publishingToOtherLog(let old, let new) = event { streamer.tellOfOtherLog(old: old, new: new) }
    }
    let status = try await ServiceEndpoints.start("streamer", context, content: streamer.status(queue))
    logStart(source, id, queue, log)

    let report = Report(streamer: streamer, log: log, loops: source.loops)
    // Now, instead of with the first batch: /ready has to know whether the queue is there.
    let connecting = Task { _ = try? await queue.client.statistics() }
    let reporting = Task { await report.run(every: context[Options.progressInterval]) }
    let (collected, delivered) = await streamUntilStopped(source, streamer, queue.client, context)
    connecting.cancel()
    reporting.cancel()
    await queue.close()
    await status?.shutdown()

    if case .failure(let error) = collected, streamer.counts.source.rowsRead == 0 { throw error }
    let isWhole = report.finish()
    try collected.get()
    if case .failure(let error) = delivered {
        throw (error as? MQError).map { ProgramError(queue.explanation(of: $0)) } ?? error
    }
    return isWhole ? Program.ExitCode.done : Program.ExitCode.failed
}

/// Collects and delivers; returns how each of them ended. After a signal nothing more is collected.
private func streamUntilStopped(
    _ source: Source, _ streamer: Streamer, _ client: MQClient, _ context: Program.Context
) async -> (collected: Result<Void, any Error>, delivered: Result<Void, any Error>) {
    let log = context.log
    let collecting = Task { try await streamer.collect(source) }
    let delivering = Task {
        try await drain(until: { await context.signals.first() }, within: context[Options.drainTimeout]) { signal in
            log.info("draining", ["signal": signal, "waiting_batches": streamer.waiting])
            collecting.cancel()
        } onTimeout: {
            streamer.giveUp()
        } work: {
            // If nothing is delivered any more, nothing is collected either.
            defer { collecting.cancel() }
            try await streamer.deliver(to: client)
        }
    }
    return (await collecting.result, await delivering.result)
}

private func logStart(_ source: Source, _ id: String, _ queue: QueueConnection, _ log: Logger) {
    var start: LogFields = ["id": id, "source": source.name, "loop": source.loops, "queue": queue.address]
    if case .exporter(let exporter) = source { start.append(proxy: exporter.proxy) }
    log.info("streaming", start)
}

extension Streamer {
    fileprivate convenience init(source: String, _ context: Program.Context) {
        self.init(
            source: source, format: context[Options.format], bufferBatches: context[Options.bufferBatches],
            log: context.log)
    }

    /// Reads the source, and notes its progress and what happens to it.
    fileprivate func collect(_ source: Source) async throws {
        switch source {
        case .csv(var csv):
            csv.onProgress = { self.note($0) }
            try await collect { try CSVSource(csv) }
        case .exporter(var exporter):
            exporter.onProgress = { self.note($0) }
            let watch = exporterWatch()
            exporter.onEvent = { self.tell($0, of: watch) }
            try await collect { try ScrapeSource(exporter) }
        }
    }
}
