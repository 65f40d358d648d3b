import ExampleSupport
import Synchronization
import TelemetryKit
import TelemetryMQ

/// Takes the batches of a source and hands them over, in two tasks with a bounded buffer in between: while the queue is away,
/// collecting goes on until the buffer is full, and then waits.
final class Streamer: Sendable {
    struct Counts: Sendable {
        var source = SourceProgress()
        /// Of the samples that the queue has acknowledged.
        var digest = SampleDigest()
        /// Messages that it has acknowledged.
        var messages = 0

        var published: Int { digest.count }

        /// Samples that were collected and that the queue has not acknowledged.
        var undelivered: Int { source.rowsSelected - published }
    }

    private struct State {
        var counts = Counts()
        /// What was logged of the source's progress.
        var toldRejected = 0
        var toldOutOfRange = 0
        var toldFiles: [String: String] = [:]
    }

    private let format: BatchFormat
    private let log: Logger
    private let storage: PeerWatch
    private let buffer = BoundedQueue<MetricBatch>(capacity: 16)
    private let state = Mutex(State())

    init(format: BatchFormat, log: Logger) {
        self.format = format
        self.log = log
        storage = PeerWatch("storage of the queue", log: log, isConnected: true)
    }

    var counts: Counts { state.withLock { $0.counts } }
    /// Batches that are collected and wait for the queue.
    var waiting: Int { buffer.count }

    /// Reads to the end of the source, or until the task is cancelled; what was read by then is handed over.
    func collect<Source: BatchSource & ~Copyable>(_ open: () throws -> Source) async throws {
        defer { buffer.finish() }
        var source = try open()
        // What kind of source it is shows before it has anything.
        note(source.progress)
        defer { note(source.progress) }
        while let batch = try await source.next() {
            note(source.progress)
            guard await buffer.send(batch) else { return }
        }
    }

    /// Takes what a source has read so far, and logs what is new about bad input.
    func note(_ progress: SourceProgress) {
        let news = state.withLock { state in
            state.counts.source = progress
            defer {
                state.toldRejected = progress.rejected.first.count
                state.toldOutOfRange = progress.quality.firstOutOfRange.count
                state.toldFiles = progress.rejectedFiles
            }
            return (
                rejected: progress.rejected.first.dropFirst(state.toldRejected),
                outOfRange: progress.quality.firstOutOfRange.dropFirst(state.toldOutOfRange),
                files: progress.rejectedFiles.filter { state.toldFiles[$0.key] != $0.value }.values.sorted()
            )
        }
        for text in news.rejected { log.warning("rejected row", ["at": text]) }
        for text in news.outOfRange { log.warning("value out of range", ["at": text]) }
        for text in news.files { log.error("rejected file", ["at": text]) }
    }

    /// Logs what an exporter does: a failure once, however often it is tried in between.
    func tell(_ event: ScrapeEvent, of exporter: PeerWatch, at url: String) {
        switch event {
        case .failed(let reason, let failures): exporter.lost(["reason": reason, "failures": failures])
        case .recovered(let failures): exporter.found(["url": url, "failures": failures])
        case .seriesVanished(let count, let examples):
            log.warning("series vanished", ["url": url, "count": count, "series": examples.joined(separator: " ")])
        case .seriesReturned(let count, let examples):
            log.info("series returned", ["url": url, "count": count, "series": examples.joined(separator: " ")])
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
                try await publish(try codec.encode(batch), client)
                let digest = SampleDigest(batch)
                state.withLock { state in
                    state.counts.digest.add(digest)
                    state.counts.messages += 1
                }
            } catch let error as MQError where error.code == .cancelled {
                return
            } catch let error as MQError where error.code == .unauthorized {
                throw error
            } catch {
                log.error("batch refused", ["batch": batch.batchID, "rows": batch.count, "reason": "\(error)"])
            }
        }
    }

    /// Waits while the queue has no room or its storage has failed: an operator can mend both.
    private func publish(_ payload: [UInt8], _ client: MQClient) async throws(MQError) {
        while true {
            do throws(MQError) {
                try await client.publish(payload)
                storage.found()
                return
            } catch {
                guard [.rejected(code: "storage_full"), .rejected(code: "storage_failed")].contains(error.code) else { throw error }
                storage.lost(["reason": "\(error)"])
                guard (try? await Task.sleep(for: .seconds(1))) != nil else { throw error }
            }
        }
    }

    /// Ends ``deliver(to:)`` where it waits for a batch.
    func giveUp() { buffer.abort() }
}
