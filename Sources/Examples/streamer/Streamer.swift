import ExampleSupport
import Synchronization
import TelemetryKit

/// Reads an export and hands its batches over, in two tasks with a bounded buffer in between: while the queue is away,
/// collecting goes on until the buffer is full, and then waits.
final class Streamer: Sendable {
    struct Counts: Sendable {
        var source = CSVSource.Progress()
        /// Samples and messages that the queue has acknowledged.
        var published = 0
        var messages = 0
        /// Samples in messages that the queue refused for good.
        var refused = 0

        /// Samples that were collected and that the queue has not acknowledged.
        var undelivered: Int { source.rowsSelected - published }
    }

    private let configuration: CSVSource.Configuration
    private let format: BatchFormat
    private let log: Logger
    private let buffer = BoundedQueue<MetricBatch>(capacity: 16)
    private let state = Mutex(Counts())

    init(_ configuration: CSVSource.Configuration, format: BatchFormat, log: Logger) {
        self.configuration = configuration
        self.format = format
        self.log = log
    }

    var counts: Counts { state.withLock { $0 } }
    /// Batches that are collected and wait for the queue.
    var waiting: Int { buffer.count }

    /// Reads to the end of the file, or until the task is cancelled; what was read by then is handed over.
    func collect() async throws {
        defer { buffer.finish() }
        var source = try CSVSource(configuration)
        var told = 0
        defer { note(source.progress, &told) }
        while let batch = try await source.next() {
            note(source.progress, &told)
            guard await buffer.send(batch) else { return }
        }
    }

    /// Publishes until everything collected is delivered, or ``giveUp()``.
    ///
    /// - Parameter publish: returns when the queue has the message. Throws where the queue refuses it for good.
    func deliver(_ publish: ([UInt8]) async throws -> Void) async {
        var codec = BatchCodec(format: format)
        while let batch = await buffer.next() {
            do {
                try await publish(try codec.encode(batch))
                state.withLock { counts in
                    counts.published += batch.count
                    counts.messages += 1
                }
            } catch is CancellationError {
                return
            } catch {
                state.withLock { $0.refused += batch.count }
                log.error("batch refused", ["batch": batch.batchID, "rows": batch.count, "reason": "\(error)"])
            }
        }
    }

    /// Ends ``deliver(_:)`` before all is delivered.
    func giveUp() { buffer.abort() }

    private func note(_ progress: CSVSource.Progress, _ told: inout Int) {
        state.withLock { $0.source = progress }
        for error in progress.badRows.first.dropFirst(told) { log.warning("bad row", ["at": "\(error)"]) }
        told = progress.badRows.first.count
    }
}
