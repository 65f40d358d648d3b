import ExampleSupport
import Synchronization
import TelemetryKit
import TelemetryMQ

/// Reads the whole log into a store, and goes on with what is published, until the task is cancelled.
///
/// Every start reads from the earliest message: what a store in memory forgets with its process, the log still has.
final class QueueFeed: Sendable {
    private let client: MQClient
    private let collector: Collector<MemoryStore>
    private let watch: PeerWatch
    private let log: Logger

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
        self.log = log
        var grouping = Collector<MemoryStore>.Configuration()
        // A write to memory costs little: a sample need not wait for others.
        grouping.flushInterval = .milliseconds(10)
        collector = Collector(store: store, configuration: grouping) { event in
            switch event {
            case .undecodable(let offset, let error): log.error("message passed over", ["offset": offset, "reason": "\(error)"])
            case .rejected, .storeUnavailable, .storeRecovered, .commitFailed: break
            }
        }
    }

    var isConnected: Bool { watch.isConnected }
    var counters: CollectorCounters { collector.counters }

    /// Throws where the queue refuses this subscriber.
    func run() async throws {
        let subscription = client.subscribe(id: client.configuration.clientID, from: .earliest)
        defer { subscription.close() }
        do {
            try await collector.run(
                subscription.map { CollectorMessage(offset: $0.offset, payload: Array($0.payload)) })
        } catch let error as MQError where error.code == .unauthorized {
            throw ProgramError("\(error); the option is MQ_TOKEN")
        }
    }

    func close() async { await client.close(within: .zero) }
}
