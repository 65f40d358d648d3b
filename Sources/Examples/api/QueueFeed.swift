import ExampleSupport
import TelemetryGateway
import TelemetryModels
import TelemetryPipeline
import TelemetryStores

/// Reads the whole log into a store, and goes on with what is published, until the task is cancelled.
///
/// Every start reads from the earliest message: what a store in memory forgets with its process, the log still has.
final class QueueFeed: Sendable {
    private let link: QueueLink
    private let collector: Collector<MemoryStore>
    /// More unread messages, and the program is not ready.
    private let readyLag: Int

    init(_ link: QueueLink, store: MemoryStore, live: LiveSamples, _ context: Program.Context) {
        let log = context.log
        self.link = link
        readyLag = context[Options.readyLag]
        var grouping = Collector<MemoryStore>.Configuration()
        // A write to memory costs little: a sample need not wait for others.
        grouping.flushInterval = .milliseconds(10)
        grouping.writesAtOnce = 1
        grouping.onStored = { live.publish($0) }
        collector = Collector(store: store, configuration: grouping) { event in
            switch event {
            case .undecodable(let offset, let error):
                log.error("message passed over", ["offset": offset, "reason": "\(error)"])
            case .refused, .deadLettersFailed, .storeUnavailable, .storeRecovered, .commitFailed: break
            }
        }
    }

    private var lag: Int64? { link.lag(behind: collector.counters.lastStored) }

    var readiness: [Gateway.ReadinessCheck] {
        let counters = collector.counters
        let read = "\(counters.messages) messages and \(counters.samplesStored) samples read"
        let isConnected = link.isConnected
        let lag = lag
        return [
            Gateway.ReadinessCheck(
                name: "queue", isReady: isConnected,
                detail: (isConnected ? "connected to " : "not connected to ")
                    + "\(link.address); \(read)\(link.losses.detail)"),
            Gateway.ReadinessCheck(
                name: "lag", isReady: lag.map { $0 <= Int64(readyLag) } ?? false,
                detail: lag.map { "\($0) messages not yet read; at most \(readyLag) may be" }
                    ?? "the queue has not told its newest message"),
        ]
    }

    /// Prometheus text format.
    func appendMetrics(to out: inout MetricsText) {
        let counters = collector.counters
        out.appendMetric(
            "telemetry_feed_messages_total", .counter, "Messages read from the queue.", counters.messages)
        out.appendMetric(
            "telemetry_feed_undecodable_messages_total", .counter, "Messages that are not batches.",
            counters.undecodableMessages)
        out.appendMetric(
            "telemetry_feed_samples_total", .counter, "Samples read into memory.", counters.samplesStored)
        out.appendMetric(
            "telemetry_feed_connected", .gauge, "1 while the queue is connected.", link.isConnected ? 1 : 0)
        let losses = link.losses
        out.appendMetric(
            "telemetry_feed_log_resets_total", .counter,
            "Times that the queue had another log than the one that was being read.", losses.logResets)
        out.appendMetric(
            "telemetry_feed_skipped_messages_total", .counter,
            "Messages that retention dropped before they were read.", losses.skippedMessages)
        if let lag {
            out.appendMetric(
                "telemetry_feed_lag_messages", .gauge, "Messages of the queue that are not yet read.", lag)
        }
    }

    /// The member `queue` of the statistics.
    var statistics: [(name: String, json: [UInt8])] {
        let counters = collector.counters
        let losses = link.losses
        let json = """
            {"connected":\(link.isConnected),"messages":\(counters.messages),"undecodable_messages":\(counters.undecodableMessages),\
            "samples":\(counters.samplesStored),"digest":"\(counters.digest)","last_offset":\(counters.lastStoredOffset ?? -1),\
            "lag":\(lag.map(String.init) ?? "null"),\
            "skipped_messages":\(losses.skippedMessages),"log_resets":\(losses.logResets),\
            "last_log_reset":\(losses.lastLogReset?.json ?? "null")}
            """
        return [("queue", Array(json.utf8))]
    }

    /// Throws where the queue refuses this subscriber.
    func run() async throws {
        try await link.read(from: .earliest) { try await collector.run($0) }
    }
}

/// Gives what is published from now on to the clients of the stream, beside a database that collectors write to.
struct LiveFeed: Sendable {
    let link: QueueLink
    let live: LiveSamples

    func run() async throws {
        try await link.read(from: .latest) { messages in
            var codec = BatchCodec()
            for try await message in messages {
                // A collector says what is wrong with a message that is no batch.
                if live.subscriberCount > 0, let batch = try? codec.decode(message.payload) { live.publish([batch]) }
            }
        }
    }
}
