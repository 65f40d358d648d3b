import Glibc
import TelemetryIO

/// Accepts the server's connections.
final class Listener: AcceptorUser {
    private let broker: Broker
    private let acceptor: Acceptor
    /// Descriptors from this one on are for the log's files: a flood of clients must not prevent it from starting a
    /// segment.
    private let firstKept = DescriptorShare().firstKept

    init(broker: Broker) throws {
        self.broker = broker
        let (host, port) = (broker.configuration.host, broker.configuration.port)
        acceptor = try Acceptor(loop: broker.loop, host: host, port: port)
        try acceptor.start(keepsSpare: true, self)
    }

    var port: Int { acceptor.address.port }

    func accepted(_ accepted: Int32, _ peer: SocketAddress) throws {
        var accepted = accepted
        let hasNoDescriptor = "the server has no descriptors left for more connections"
        // A connection that is closed leaves its descriptor to the new one.
        if accepted >= firstKept, broker.closeUnproven(hasNoDescriptor) {
            accepted = Socket.moveToLowestNumber(accepted)
        }
        if broker.connections.count >= broker.configuration.maxConnections { _ = broker.closeUnproven(isFull) }
        let connection = BrokerConnection(descriptor: accepted, peer: peer, broker: broker)
        do {
            try broker.loop.register(accepted, events: .readable, handler: connection)
        } catch {
            Socket.close(accepted)
            throw error
        }
        broker.add(connection)
        broker.accepted(connection)
        if broker.connections.count > broker.configuration.maxConnections {
            refuse(connection, isFull)
        } else if accepted >= firstKept {
            refuse(connection, hasNoDescriptor)
        }
    }

    private var isFull: String { "\(broker.configuration.maxConnections) connections are open" }

    private func refuse(_ connection: BrokerConnection, _ reason: String) {
        broker.reportRefusal(.connectionLimit, "\(connection.peer): refused: \(reason)")
        connection.refuseAndClose(.tooManyConnections, reason)
    }

    func acceptFailed(_ error: any Error) -> Bool {
        if let error = error as? SystemError, error.code == EMFILE || error.code == ENFILE {
            broker.counters.errors[.tooManyConnections, default: 0] += 1
            if acceptor.turnAway() { return true }
        }
        broker.clients.acceptFailures += 1
        broker.reportRefusal(.accept, "\(error)")
        return false
    }

    func close() { acceptor.close() }
}
