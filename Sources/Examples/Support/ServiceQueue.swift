import TelemetryMQClient
import TelemetryMQServer

extension QueueConnection {
    /// The connection that ``QueueOptions`` describe. What happens to it is logged.
    ///
    /// - Parameters:
    ///   - id: names the program to the server.
    ///   - onEvent: receives every event, after it is logged.
    package convenience init(
        _ context: Program.Context, id: String, role: Role, idOption: String? = nil,
        onEvent: @escaping @Sendable (MQClient.Event) -> Void = { _ in }
    ) throws {
        var configuration = MQClient.Configuration(host: context[QueueOptions.host], port: context[QueueOptions.port])
        configuration.clientID = id
        configuration.token = context[QueueOptions.token]
        let eventLog = QueueEventLog(context.log, role: role)
        configuration.onEvent = { event in
            eventLog.add(event)
            onEvent(event)
        }
        try self.init(configuration, role: role, names: SettingNames(token: QueueOptions.token.name, id: idOption))
    }
}

/// Logs what happens to a program's connection to the queue: a connection once when it is lost and once when it is
/// there again, and everything that keeps a reader from getting every message of one log.
struct QueueEventLog: Sendable {
    private let log: Logger
    private let watch: PeerWatch
    private let role: QueueConnection.Role

    init(_ log: Logger, role: QueueConnection.Role) {
        self.log = log
        self.role = role
        watch = PeerWatch("queue", log: log)
    }

    func add(_ event: MQClient.Event) {
        switch event {
        case .connected(let peer, let subscription):
            if role.counts(subscription) { watch.found(["peer": peer]) }
        case .disconnected(let peer, let subscription, let reason, let wait):
            if role.counts(subscription) {
                watch.lost(["peer": peer, "reason": reason, "retry_after": wait.seconds])
            }
        case .messagesSkipped(let id, let count, let next):
            log.warning("messages lost to retention", ["subscription": id, "count": count, "next_offset": next])
        case .logReset(let id, let found):
            log.warning(
                "the queue has another log",
                [
                    "subscription": id, "old_log": found.oldLogID ?? "unknown", "new_log": found.newLogID ?? "unknown",
                    "next_offset": found.nextOffset, "rewound": found.rewound, "reason": "\(found)",
                ])
        case .subscriptionDelayed(let id, let reason, let wait):
            log.warning("subscription waits", ["subscription": id, "reason": reason, "retry_after": wait.seconds])
        case .publishingToOtherLog, .subscriptionFailed: break  // The program logs these itself.
        }
    }
}
