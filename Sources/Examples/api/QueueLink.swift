import ExampleSupport
import Synchronization
import TelemetryGateway
import TelemetryMQClient
import TelemetryPipeline

/// This program's connection to the queue: whether it is there, and how far it has got.
final class QueueLink: Sendable {
    let client: MQClient
    private let watch: PeerWatch
    let reading: ReadingWatch
    /// What the queue has told last.
    private let told = Mutex<(newest: LogPosition, statistics: [UInt8])?>(nil)

    /// - Parameter live: shows the problem while the queue is away.
    init(_ context: Program.Context, live: LiveSamples) throws {
        let log = context.log
        let watch = PeerWatch("queue", log: log)
        let reading = ReadingWatch(log: log)
        var queue = MQClient.Configuration(host: context[QueueOptions.host], port: context[QueueOptions.port])
        queue.clientID = "api-" + instanceID()
        queue.token = context[QueueOptions.token]
        queue.onEvent = { event in
            switch event {
            // The samples come over the connection of the subscription; the other one asks for statistics.
            case .connected(_, nil), .disconnected(_, nil, _, _): break
            case .connected(let peer, _):
                watch.found(["peer": peer])
                live.problem = nil
            case .disconnected(let peer, _, let reason, let wait):
                watch.lost(["peer": peer, "reason": reason, "retry_after": wait.seconds])
                live.problem = "no new samples: the queue at \(peer) is not connected"
            case .messagesSkipped, .logReset, .subscriptionDelayed: reading.take(event)
            case .publishingToOtherLog: break  // Nothing is published.
            case .subscriptionFailed: break  // `read` throws it.
            }
        }
        live.problem = "no new samples: the queue at \(queue.host):\(queue.port) is not connected"
        client = try MQClient(configuration: queue)
        self.watch = watch
        self.reading = reading
    }

    var isConnected: Bool { watch.isConnected }
    var address: String { "\(client.configuration.host):\(client.configuration.port)" }

    /// Messages that the queue holds and this program has not read; `nil` before the queue has told. While it is away, what it said last
    /// stands.
    func lag(behind lastRead: CollectorPosition?) -> Int64? {
        guard let newest = told.withLock({ $0?.newest }) else { return nil }
        return newest.messages(after: lastRead.flatMap { LogPosition(offset: $0.offset, log: $0.log) })
    }

    /// The member `queue_server` of the statistics: what the queue says of itself and its subscribers.
    var statistics: [(name: String, json: [UInt8])] { told.withLock { $0?.statistics }.map { [("queue_server", $0)] } ?? [] }

    /// Asks for them now and then, until the task is cancelled.
    func watchQueue() async {
        repeat {
            if let statistics = try? await client.statistics(), let newest = MQClient.newestPosition(in: statistics) {
                told.withLock { $0 = (newest, statistics) }
            }
        } while (try? await Task.sleep(for: .seconds(1))) != nil
    }

    /// The messages from a position on. Throws where the queue refuses this subscriber.
    func read(
        from start: MQClient.StartPosition, _ body: (AsyncMapSequence<Subscription, CollectorMessage>) async throws -> Void
    ) async throws {
        let subscription = client.subscribe(id: client.configuration.clientID, from: start)
        defer { subscription.close() }
        do {
            try await body(
                subscription.map {
                    CollectorMessage(offset: $0.offset, payload: Array($0.payload), log: $0.position.log)
                })
        } catch let error as MQError {
            switch error.code {
            case .cancelled: throw CancellationError()
            case .unauthorized: throw ProgramError("\(error); the option is MQ_TOKEN")
            default: throw error
            }
        }
    }

    func close() async { await client.close(within: .zero) }
}
