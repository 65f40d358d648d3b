import ExampleSupport
import Synchronization
import TelemetryMQClient
import TelemetryModels
import TelemetryPipeline
import TelemetryScraping

/// Takes the batches of a source and hands them over, in two tasks with a bounded buffer in between: while the queue is away,
/// collecting goes on until the buffer is full, and then waits.
final class Streamer: Sendable {
    struct Counts: Sendable {
        var source = SourceProgress()
        /// Of the samples that the queue has acknowledged.
        var digest = SampleDigest()
        /// Messages that it has acknowledged.
        var messages = 0
        /// How often the queue had another log than the one that had acknowledged messages.
        var logChanges = 0

        var published: Int { digest.count }

        /// Samples that were collected and that the queue has not acknowledged.
        var undelivered: Int { source.rowsSelected - published }
    }

    /// What was logged of the source's progress.
    private struct Told {
        var rejected = 0
        var outOfRange = 0
        var files: [String: String] = [:]
        var emptiness: String?
        var skipped = 0
    }

    private struct State {
        var counts = Counts()
        var told = Told()
        var acceptance = QueueAcceptance()
        /// A batch was too large for a message.
        var hasSplit = false
        /// When the source's progress was noted last, there was no room for what it had read.
        var wasBlocked = false
    }

    /// The source's name, for messages.
    let source: String
    private let format: BatchFormat
    private let log: Logger
    private let storage: PeerWatch
    private let buffer: BoundedChannel<MetricBatch>
    private let state = Mutex(State())

    init(source: String, format: BatchFormat, bufferBatches: Int, log: Logger) {
        buffer = BoundedChannel(capacity: bufferBatches)
        self.source = source
        self.format = format
        self.log = log
        storage = PeerWatch("storage of the queue", log: log, isConnected: true)
    }

    var counts: Counts { state.withLock { $0.counts } }
    /// Batches that are collected and wait for the queue.
    var waiting: Int { buffer.count }
    /// Whether the buffer is full, so that the source is not read.
    var isBlocked: Bool { buffer.isSenderWaiting }
    /// What became of the last publish.
    var acceptance: QueueAcceptance { state.withLock { $0.acceptance } }

    /// Reads to the end of the source, or until the task is cancelled; what was read by then is handed over.
    func collect<Source: BatchSource & ~Copyable>(_ open: () throws -> Source) async throws {
        defer { buffer.finish() }
        var source = try open()
        // What kind of source it is shows before it has anything.
        note(source.progress)
        defer { note(source.progress) }
        while let batch = try await source.next() {
            note(source.progress)
            // While there is no room, what is skipped is counted all the same.
            guard
                await buffer.send(
                    batch, every: .milliseconds(200), whileWaiting: { note(source.progress, isBlocked: true) })
            else { return }
        }
    }

    /// Takes what a source has read so far, and logs what is new about bad input.
    ///
    /// - Parameter isBlocked: there is no room for what was read.
    func note(_ progress: SourceProgress, isBlocked: Bool = false) {
        let news = state.withLock { state in
            let told = state.told
            defer { state.wasBlocked = isBlocked }
            state.counts.source = progress
            state.told = Told(
                rejected: progress.rejected.first.count, outOfRange: progress.quality.firstOutOfRange.count,
                files: progress.rejectedFiles,
                emptiness: progress.emptiness, skipped: progress.scraping?.skipped ?? 0)
            return (
                rejected: progress.rejected.first.dropFirst(told.rejected),
                outOfRange: progress.quality.firstOutOfRange.dropFirst(told.outOfRange),
                files: progress.rejectedFiles.filter { told.files[$0.key] != $0.value }.values.sorted(),
                emptiness: progress.emptiness == told.emptiness ? nil : progress.emptiness,
                skipped: (progress.scraping?.skipped ?? 0) - told.skipped,
                waitedForQueue: isBlocked || state.wasBlocked
            )
        }
        for text in news.rejected { log.warning("rejected row", ["at": text]) }
        for text in news.outOfRange { log.warning("value out of range", ["at": text]) }
        for text in news.files { log.error("rejected file", ["at": text]) }
        if news.skipped > 0 {
            log.warning(
                "scrapes skipped",
                [
                    "url": source, "count": news.skipped, "total": progress.scraping?.skipped ?? 0,
                    "reason": news.waitedForQueue
                        ? "the queue takes nothing, and as many batches wait as BUFFER_BATCHES allows"
                        : "the scrape before took too long",
                ])
        }
        if let emptiness = news.emptiness { log.warning(emptiness, ["source": source]) }
    }

    /// For ``tell(_:of:)``.
    func exporterWatch() -> PeerWatch { PeerWatch("exporter", log: log) }

    /// Logs what an exporter does: a failure once, however often it is tried in between.
    func tell(_ event: ScrapeEvent, of exporter: PeerWatch) {
        switch event {
        case .failed(let reason, let failures): exporter.lost(["reason": reason, "failures": failures])
        case .recovered(let failures): exporter.found(["url": source, "failures": failures])
        case .seriesVanished(let count, let examples):
            // Jobs that end take series with them.
            log.info("series vanished", ["url": source, "count": count, "series": examples.joined(separator: " ")])
        case .seriesReturned(let count, let examples):
            log.info("series returned", ["url": source, "count": count, "series": examples.joined(separator: " ")])
        case .gpusVanished(let count, let examples):
            log.error("GPUs vanished", ["url": source, "count": count, "gpus": examples.joined(separator: ", ")])
        case .gpusReturned(let count, let examples):
            log.info("GPUs returned", ["url": source, "count": count, "gpus": examples.joined(separator: ", ")])
        }
    }

    /// Publishes until everything collected is delivered; ends early where the task is cancelled, or where the queue refuses
    /// this client.
    func deliver(to client: MQClient) async throws {
        // Where nobody takes the batches any more, nobody waits to hand them over.
        defer { buffer.abort() }
        var codec = BatchCodec(format: format)
        while let batch = await buffer.next() {
            do {
                try await deliver(batch, to: client, &codec)
            } catch let error as MQError where error.code == .cancelled {
                return
            }
        }
    }

    /// In as many messages as it takes. What cannot be delivered in any number of them is logged.
    private func deliver(_ batch: MetricBatch, to client: MQClient, _ codec: inout BatchCodec) async throws {
        do {
            try await publish(try codec.encode(batch), client)
        } catch let error as MQError where error.code == .cancelled || error.code == .unauthorized {
            throw error
        } catch let error as MQError where error.code == .invalidPayload && batch.count > 1 {
            // Too large for the server's MQ_MAX_FRAME_BYTES; it has not left.
            tellOfSplitting(batch, error)
            for half in batch.halves { try await deliver(half, to: client, &codec) }
            return
        } catch {
            log.error("batch refused", ["batch": batch.batchID, "rows": batch.count, "reason": "\(error)"])
            return
        }
        let digest = SampleDigest(batch)
        state.withLock { state in
            state.counts.digest.add(digest)
            state.counts.messages += 1
        }
    }

    private func tellOfSplitting(_ batch: MetricBatch, _ error: MQError) {
        let isNew = state.withLock { state in
            defer { state.hasSplit = true }
            return !state.hasSplit
        }
        log.log(
            isNew ? .warning : .debug, "batch split",
            ["batch": batch.batchID, "rows": batch.count, "reason": "\(error); a smaller BATCH_SIZE saves the work"])
    }

    /// Waits while the queue has no room or its storage has failed: an operator can mend both.
    private func publish(_ payload: [UInt8], _ client: MQClient) async throws(MQError) {
        while true {
            do throws(MQError) {
                state.withLock { $0.acceptance.begin() }
                try await client.publish(payload)
                state.withLock { $0.acceptance.finish() }
                storage.found()
                return
            } catch {
                guard [.rejected(code: "storage_full"), .rejected(code: "storage_failed")].contains(error.code) else {
                    state.withLock { $0.acceptance.finish() }
                    throw error
                }
                state.withLock { $0.acceptance.refuse("\(error)") }
                storage.lost(["reason": "\(error)"])
                guard (try? await Task.sleep(for: .seconds(1))) != nil else { throw error }
            }
        }
    }

    /// What the older log had acknowledged is not in the new one, and is not sent again.
    func tellOfOtherLog(old: String, new: String) {
        let published = state.withLock { state in
            state.counts.logChanges += 1
            return state.counts.published
        }
        log.warning("the queue has another log", ["old_log": old, "new_log": new, "published_before": published])
    }

    /// Ends ``deliver(to:)`` where it waits for a batch.
    func giveUp() { buffer.abort() }
}

extension SourceProgress {
    /// Why nothing was collected, where a whole pass or a good scrape is over: nobody would hear of it otherwise.
    var emptiness: String? {
        guard passes > 0, rowsSelected == 0 else { return nil }
        if rowsRead > 0 { return "no sample is of a host that HOST_FILTER names" }
        if let scraping, scraping.samplesWithoutGPU > 0 { return "no sample names a GPU" }
        if quality.noValueCount > 0 { return "no sample has a value" }
        return rejected.count > 0 ? "no row can be read" : "there is no sample"
    }
}
