import ExampleSupport
import Synchronization
import TelemetryKit
import TelemetryMQ

/// Reads an export and hands its batches over, in two tasks with a bounded buffer in between: while the queue is away,
/// collecting goes on until the buffer is full, and then waits.
final class Streamer: Sendable {
    struct Counts: Sendable {
        var source = CSVSource.Progress()
        /// Samples and messages that the queue has acknowledged.
        var published = 0
        var messages = 0

        /// Samples that were collected and that the queue has not acknowledged.
        var undelivered: Int { source.rowsSelected - published }
    }

    private let configuration: CSVSource.Configuration
    private let format: BatchFormat
    private let log: Logger
    private let storage: PeerWatch
    private let buffer = BoundedQueue<MetricBatch>(capacity: 16)
    private let state = Mutex(Counts())

    init(_ configuration: CSVSource.Configuration, format: BatchFormat, log: Logger) {
        self.configuration = configuration
        self.format = format
        self.log = log
        storage = PeerWatch("storage of the queue", log: log, isConnected: true)
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

    /// Publishes until everything collected is delivered; ends early where the task is cancelled, or where the queue refuses
    /// this client.
    func deliver(to client: MQClient) async throws {
        // Where nobody takes the batches any more, nobody waits to hand them over.
        defer { buffer.abort() }
        var codec = BatchCodec(format: format)
        while let batch = await buffer.next() {
            do {
                try await publish(try codec.encode(batch), client)
                state.withLock { counts in
                    counts.published += batch.count
                    counts.messages += 1
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

    private func note(_ progress: CSVSource.Progress, _ told: inout Int) {
        state.withLock { $0.source = progress }
        for error in progress.badRows.first.dropFirst(told) { log.warning("bad row", ["at": "\(error)"]) }
        told = progress.badRows.first.count
    }
}
