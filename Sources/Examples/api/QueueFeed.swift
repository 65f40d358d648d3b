import ExampleSupport
import TelemetryKit
import TelemetryMQ
import TelemetryNet

/// Reads the whole log into a store, and goes on with what is published, until the task is cancelled.
///
/// Every start reads from the earliest message: what a store in memory forgets with its process, the log still has.
final class QueueFeed: Sendable {
    private let client: MQClient
    private let collector: Collector<MemoryStore>
    private let watch: PeerWatch

    init(_ queue: MQClient.Configuration, store: MemoryStore, log: Logger) {
        let watch = PeerWatch("queue", log: log)
        var queue = queue
        queue.onEvent = { event in
            switch event {
            case .connected(let peer): watch.found(["peer": peer])
            case .disconnected(let peer, let reason, let wait): watch.lost(["peer": peer, "reason": reason, "retry_after": wait.seconds])
            case .messagesSkipped(let count, let next): log.warning("messages lost to retention", ["count": count, "next_offset": next])
            case .logReset(let next): log.warning("the log of the queue began anew", ["next_offset": next])
            }
        }
        client = MQClient(configuration: queue)
        self.watch = watch
        var grouping = Collector<MemoryStore>.Configuration()
        // A write to memory costs little: a sample need not wait for others.
        grouping.flushInterval = .milliseconds(10)
        grouping.writesAtOnce = 1
        collector = Collector(store: store, configuration: grouping) { event in
            switch event {
            case .undecodable(let offset, let error): log.error("message passed over", ["offset": offset, "reason": "\(error)"])
            case .refused, .deadLettersFailed, .storeUnavailable, .storeRecovered, .commitFailed: break
            }
        }
    }

    var readiness: Gateway.ReadinessCheck {
        let counters = collector.counters
        let read = "\(counters.messages) messages and \(counters.samplesStored) samples read"
        return Gateway.ReadinessCheck(
            name: "queue", isReady: watch.isConnected, detail: watch.isConnected ? read : "not connected to \(address); \(read)")
    }

    /// Prometheus text format.
    var metrics: String {
        let counters = collector.counters
        var out = ByteWriter()
        out.appendMetric("telemetry_feed_messages_total", "counter", "Messages read from the queue.", Int64(counters.messages))
        out.appendMetric(
            "telemetry_feed_undecodable_messages_total", "counter", "Messages that are not batches.", Int64(counters.undecodableMessages))
        out.appendMetric("telemetry_feed_samples_total", "counter", "Samples read into memory.", Int64(counters.samplesStored))
        out.appendMetric("telemetry_feed_connected", "gauge", "1 while the queue is connected.", watch.isConnected ? 1 : 0)
        return String(decoding: out.bytes, as: UTF8.self)
    }

    /// The member `queue` of the statistics.
    var statistics: [(name: String, json: [UInt8])] {
        let counters = collector.counters
        let json = """
            {"connected":\(watch.isConnected),"messages":\(counters.messages),"undecodable_messages":\(counters.undecodableMessages),\
            "samples":\(counters.samplesStored),"digest":"\(counters.digest)","last_offset":\(counters.lastStoredOffset ?? -1)}
            """
        return [("queue", Array(json.utf8))]
    }

    /// Throws where the queue refuses this subscriber.
    func run() async throws {
        let subscription = client.subscribe(id: client.configuration.clientID, from: .earliest)
        defer { subscription.close() }
        do {
            try await collector.run(
                subscription.map { CollectorMessage(offset: $0.offset, payload: Array($0.payload)) })
        } catch let error as MQError {
            switch error.code {
            case .cancelled: throw CancellationError()
            case .unauthorized: throw ProgramError("\(error); the option is MQ_TOKEN")
            default: throw error
            }
        }
    }

    private var address: String { "\(client.configuration.host):\(client.configuration.port)" }

    func close() async { await client.close(within: .zero) }
}
