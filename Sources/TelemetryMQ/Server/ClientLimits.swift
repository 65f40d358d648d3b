import TelemetryBase
import TelemetryIO

/// The state that limits all clients together, so that none uses more than its share.
struct ClientLimits {
    /// Bytes of unfinished frames and unread responses of all connections.
    fileprivate(set) var heldBytes = 0
    fileprivate var reliefIsDue = false
    fileprivate var delayedRefusals = 0
    fileprivate var unproven = UnprovenConnections()
    fileprivate var reports: [Refusal: ReportLimit] = [:]
    var wrongTokens: Int64 = 0
    var acceptFailures: Int64 = 0

    /// Reports to the operator, each kind at most once in ten seconds.
    enum Refusal {
        case unauthorized, memory, stalledFrame, connectionLimit, accept
    }
}

/// Connections in the order in which they were accepted, until the first of their requests is accepted.
struct UnprovenConnections {
    /// A weak reference: a closed connection must not retain its buffers.
    private struct Entry { weak var connection: BrokerConnection? }

    private var waiting: [Entry] = []
    private var head = 0

    mutating func append(_ connection: BrokerConnection, open: Int) {
        if waiting.count > 2 * open + 64 {
            waiting = waiting[head...].filter { Self.isUnproven($0) }
            head = 0
        }
        waiting.append(Entry(connection: connection))
    }

    private static func isUnproven(_ entry: Entry) -> Bool {
        guard let connection = entry.connection else { return false }
        return !connection.isProven && !connection.isClosed
    }

    /// Removes the oldest one.
    mutating func removeOldest() -> BrokerConnection? {
        while head < waiting.count {
            head += 1
            let entry = waiting[head - 1]
            if Self.isUnproven(entry) { return entry.connection }
        }
        waiting = []
        head = 0
        return nil
    }
}

extension Broker {
    /// Reports a refusal, with the number of those omitted since the last report.
    func reportRefusal(_ kind: ClientLimits.Refusal, _ what: @autoclosure () -> String) {
        guard let leftOut = clients.reports[kind, default: ReportLimit()].take(now: loop.now) else { return }
        let text = leftOut > 0 ? "\(what()) (and \(leftOut) more like it before)" : what()
        report(kind == .accept ? .acceptFailure(text) : .clientRefused(text))
    }

    // MARK: Connections

    func accepted(_ connection: BrokerConnection) {
        clients.unproven.append(connection, open: connections.count)
    }

    /// Closes the connection that has been open longest without an accepted request; `false` if every one has made one.
    func closeUnproven(_ reason: String) -> Bool {
        guard let oldest = clients.unproven.removeOldest() else { return false }
        reportRefusal(.connectionLimit, "\(oldest.peer): closed to make room for another connection: \(reason)")
        oldest.refuseAndClose(.tooManyConnections, "\(reason), and this one has made no request")
        oldest.close()
        return true
    }

    // MARK: Tokens

    /// Returns whether one more delayed refusal is allowed.
    func beginDelayedRefusal() -> Bool {
        guard clients.delayedRefusals < configuration.maxDelayedRefusals else { return false }
        clients.delayedRefusals += 1
        return true
    }

    func endDelayedRefusal() { clients.delayedRefusals -= 1 }

    // MARK: Memory

    /// Called when a connection uses more or less memory than before.
    func heldBytesChanged(by change: Int) {
        clients.heldBytes += change
        guard change > 0, clients.heldBytes > configuration.receiveBytes, !clients.reliefIsDue else { return }
        clients.reliefIsDue = true
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.relieveMemory() }
    }

    private func relieveMemory() {
        clients.reliefIsDue = false
        let holders = connections.values.compactMap(\.memoryHolder)
        let limit = configuration.receiveBytes
        let victims = MemoryPressure.victims(of: holders, held: clients.heldBytes, limit: limit)
        for connection in victims { connection.giveUpMemory() }
    }

    // MARK: Metrics

    func appendClientMetrics(to out: inout ByteWriter) {
        out.appendMetric(
            "telemetry_mq_held_bytes", "gauge", "Bytes of unfinished frames and unread responses of all connections.",
            Int64(clients.heldBytes))
        out.appendMetric(
            "telemetry_mq_wrong_tokens_total", "counter", "Connections that presented a wrong token.",
            clients.wrongTokens)
        out.appendMetric(
            "telemetry_mq_accept_failures_total", "counter",
            "Connections that could not be accepted, for want of descriptors or memory.", clients.acceptFailures)
    }
}
