import ExampleSupport
import Synchronization
import TelemetryGateway
import TelemetryMQClient
import TelemetryPipeline

/// This program's subscription to the queue, in the form in which a `Collector` reads it.
struct QueueLink: Sendable {
    private let queue: QueueConnection
    private let id: String

    /// - Parameter live: shows the problem while the queue is away.
    init(_ context: Program.Context, live: LiveSamples) throws {
        id = "api-" + instanceID()
        queue = try QueueConnection(context, id: id, role: .reads) { event in
            switch event {
            case .connected(_, _?): live.problem = nil
            case .disconnected(let peer, _?, _, _):
                live.problem = "no new samples: the queue at \(peer) is not connected"
            default: break
            }
        }
        live.problem = "no new samples: the queue at \(queue.address) is not connected"
    }

    var isConnected: Bool { queue.isConnected }
    var address: String { queue.address }
    var losses: QueueConnection.Losses { queue.losses }

    /// The number of messages that the queue holds and this program has not read; `nil` before the queue has reported
    /// its newest message.
    func lag(behind lastRead: CollectorPosition?) -> Int64? {
        queue.unreadMessages(after: lastRead.flatMap { LogPosition(offset: $0.offset, log: $0.log) })
    }

    /// The member `queue_server` of the statistics: what the queue reports about itself and its subscribers.
    var statistics: [(name: String, json: [UInt8])] { queue.serverStatistics.map { [("queue_server", $0)] } ?? [] }

    /// Asks for the statistics once a second, until the task is cancelled.
    func watchQueue() async { await queue.watchServer() }

    /// The messages from a position on. Throws if the queue refuses this subscriber.
    func read(
        from start: MQClient.StartPosition,
        _ body: (AsyncMapSequence<Subscription, CollectorMessage>) async throws -> Void
    ) async throws {
        let subscription = queue.client.subscribe(id: id, from: start)
        defer { subscription.close() }
        do {
            try await body(
                subscription.map {
                    CollectorMessage(offset: $0.offset, payload: Array($0.payload), log: $0.position.log)
                })
        } catch let error as MQError {
            if error.code == .cancelled { throw CancellationError() }
            throw ProgramError(queue.explanation(of: error))
        }
    }

    func close() async { await queue.close() }
}
