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
    private let firstKept: Int32
    private var isClosed = false

    init(broker: Broker) throws {
        self.broker = broker
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let descriptors = Int32(clamping: limit.rlim_cur)
        firstKept = descriptors - min(descriptors / 4, 64)
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
                turnAway()
            } catch {
                broker.report(.acceptFailure("\(error)"))
                return
            }
        }
    }

    private func serve(_ accepted: Int32, _ peer: SocketAddress) throws {
        let connection = BrokerConnection(descriptor: accepted, peer: peer, broker: broker)
        do {
            try broker.loop.register(accepted, events: .readable, handler: connection)
        } catch {
            Socket.close(accepted)
            throw error
        }
        broker.add(connection)
        if broker.connections.count > broker.configuration.maxConnections {
            connection.refuseAndClose(.tooManyConnections, "\(broker.configuration.maxConnections) connections are open")
        } else if accepted >= firstKept {
            connection.refuseAndClose(.tooManyConnections, "the server has no descriptors left for more connections")
        }
    }

    private func turnAway() {
        broker.counters.errors[.tooManyConnections, default: 0] += 1
        Socket.close(spare)
        if let (accepted, _) = try? Socket.accept(descriptor) { Socket.close(accepted) }
        spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        broker.loop.deregister(descriptor)
        Socket.close(descriptor)
        Socket.close(spare)
    }
}
