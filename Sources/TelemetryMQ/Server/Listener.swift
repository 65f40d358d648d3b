import Glibc
import TelemetryNet

/// Accepts the server's connections.
final class Listener: EventHandler {
    private let broker: Broker
    private let descriptor: Int32
    let port: Int
    /// Given up to accept and turn away a client when the process is out of descriptors, which would else ask forever.
    private var spare: Int32
    /// Descriptors from this one on are for the log's files: a flood of clients must not keep it from beginning a segment.
    private let firstKept = DescriptorShare().firstKept
    private var isClosed = false

    init(broker: Broker) throws {
        self.broker = broker
        let (descriptor, address) = try Socket.listen(host: broker.configuration.host, port: broker.configuration.port)
        self.descriptor = descriptor
        port = address.port
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
        try broker.loop.register(descriptor, events: .readable, handler: self)
    }

    func ready(_ events: EventSet) {
        // A bound on one round, so that a flood of connections leaves the others their turn.
        for _ in 0..<64 {
            do {
                guard let (accepted, peer) = try Socket.accept(descriptor) else { return }
                try serve(accepted, peer)
            } catch let error as SystemError where error.code == EMFILE || error.code == ENFILE {
                guard turnAway() else { return pause(error) }
            } catch {
                return pause(error)
            }
        }
    }

    private func serve(_ accepted: Int32, _ peer: SocketAddress) throws {
        var accepted = accepted
        let hasNoDescriptor = "the server has no descriptors left for more connections"
        // One that gives way leaves its descriptor to the new one.
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

    /// `false` if there is not even a descriptor to turn a client away with.
    private func turnAway() -> Bool {
        broker.counters.errors[.tooManyConnections, default: 0] += 1
        if spare >= 0 { Socket.close(spare) }
        let accepted = (try? Socket.accept(descriptor)) ?? nil
        if let accepted { Socket.close(accepted.fd) }
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
        return accepted != nil && spare >= 0
    }

    /// Who waits would else be announced again and again.
    private func pause(_ error: any Error) {
        broker.clients.acceptFailures += 1
        broker.reportRefusal(.accept, "\(error)")
        broker.loop.modify(descriptor, events: [])
        broker.loop.schedule(after: .milliseconds(100)) { [weak self] in
            guard let self, !isClosed else { return }
            broker.loop.modify(descriptor, events: .readable)
        }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        broker.loop.deregister(descriptor)
        Socket.close(descriptor)
        if spare >= 0 { Socket.close(spare) }
    }
}
