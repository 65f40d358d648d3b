import Synchronization
import TelemetryBase
import TelemetryIO

/// A service's connection to an ``MQServer``: a client, together with what a service reports about it in its readiness
/// checks, metrics and logs.
///
///     let queue = try QueueConnection(configuration, role: .reads)
///     let watching = Task { await queue.watchServer() }
///     for try await message in queue.client.subscribe(id: "billing", from: .committed) { … }
///     // Elsewhere: queue.isConnected, queue.unreadMessages(after: lastRead), queue.losses
///
/// Safe to use from any task or thread. It connects when ``client`` is first used.
public final class QueueConnection: Sendable {
    /// What the service mainly does, which decides whose connection ``isConnected`` is about.
    public enum Role: Sendable, Hashable {
        /// It publishes: the connection that publishes and asks for statistics.
        case publishes
        /// It subscribes: the connections of its subscriptions.
        case reads

        /// Whether a connection is one of them. The client of a service that reads has a further connection, which only
        /// asks for statistics.
        ///
        /// - Parameter subscription: the subscription that the connection serves, as in
        ///   ``MQClient/Event/connected(peer:subscription:)``; `nil` for the one that publishes.
        public func counts(_ subscription: String?) -> Bool { (subscription != nil) == (self == .reads) }
    }

    /// The names under which an operator sets the service up, which ``QueueConnection/explanation(of:id:)`` mentions.
    public struct SettingNames: Sendable, Hashable {
        /// The setting that holds the token. Default: `"MQ_TOKEN"`.
        public var token: String
        /// The setting that holds the subscriber id; `nil` if operators cannot set it. Default: `nil`.
        public var id: String?

        /// Creates names with these defaults.
        public init(token: String = "MQ_TOKEN", id: String? = nil) {
            self.token = token
            self.id = id
        }
    }

    /// What kept the service's subscriptions from reading every message of one log.
    public struct Losses: Sendable, Hashable {
        /// Number of messages that retention dropped before they were read.
        public internal(set) var skippedMessages: Int64 = 0
        /// How often the server had another log than the one that was being read.
        public internal(set) var logResets = 0
        /// The most recent of these log resets, in words; `nil` if there was none.
        public internal(set) var lastLogReset: String?
    }

    fileprivate struct State {
        var connections = ConnectionTable()
        var losses = Losses()
        var failure: MQError?
        var waitsForFailure = Waiters()
        var server: (newest: LogPosition, statistics: [UInt8])?
    }

    /// The client that the service publishes and subscribes with.
    public let client: MQClient
    private let names: SettingNames
    private let state: SharedState

    /// The client's closure shares it.
    private final class SharedState: Sendable {
        let value = Mutex(State())
    }

    /// Creates the client and connects to nothing yet. Throws ``MQError/Code/noResources`` if the system has no thread
    /// or no descriptor left for the client.
    ///
    /// - Parameters:
    ///   - configuration: the client's. Its `onEvent` receives every event, after this connection has taken note of it.
    ///   - role: whether the service mainly publishes or reads.
    ///   - names: the settings that error messages mention.
    public init(
        _ configuration: MQClient.Configuration, role: Role, names: SettingNames = SettingNames()
    ) throws(MQError) {
        let state = SharedState()
        var configuration = configuration
        let onEvent = configuration.onEvent
        configuration.onEvent = { event in
            let woken = state.value.withLock { $0.take(event, role) }
            woken?.resume()
            onEvent(event)
        }
        self.state = state
        self.names = names
        client = try MQClient(configuration: configuration)
    }

    /// The server's name or address and its port: `queue.example.org:9000`.
    public var address: String { client.peer }

    /// Whether the connections that ``Role`` names are there now. `false` before the first one.
    public var isConnected: Bool { state.value.withLock { $0.connections.isConnected } }

    /// What kept the subscriptions from reading every message of one log, since the start.
    public var losses: Losses { state.value.withLock { $0.losses } }

    /// For the detail of a readiness check: `connected to queue:9000` or `not connected to …`, followed by the losses
    /// of a service that reads.
    public var detail: String {
        let (isConnected, losses) = state.value.withLock { ($0.connections.isConnected, $0.losses) }
        return (isConnected ? "connected to " : "not connected to ") + address + losses.detail
    }

    // MARK: What the server reports

    /// Asks the server for its statistics every `interval`, until the task is cancelled. While the server cannot be
    /// reached, the most recent statistics stay.
    ///
    /// - Parameter interval: the time between a response and the next request. Default: 1 s.
    public func watchServer(every interval: Duration = .seconds(1)) async {
        repeat { await askServer() } while (try? await Task.sleep(for: interval)) != nil
    }

    /// Asks once.
    func askServer() async {
        guard let statistics = try? await client.statistics(),
            let newest = MQClient.newestPosition(in: statistics)
        else { return }
        state.value.withLock { $0.server = (newest, statistics) }
    }

    /// The statistics that ``watchServer(every:)`` received last, the JSON object of `/stats`; `nil` before the first.
    public var serverStatistics: [UInt8]? { state.value.withLock { $0.server?.statistics } }

    /// The server's newest message when ``watchServer(every:)`` asked last; `nil` before the first response.
    public var newestPosition: LogPosition? { state.value.withLock { $0.server?.newest } }

    /// The number of messages in the server's log after `position`: the lag of a reader that has handled everything up
    /// to it. `nil` before ``watchServer(every:)`` has had a response.
    ///
    /// - Parameter position: the last message that was handled; `nil` if none was, or one of another log: then every
    ///   message counts.
    public func unreadMessages(after position: LogPosition?) -> Int64? { newestPosition?.messages(after: position) }

    // MARK: Errors

    /// Why a subscription of the client has ended for good; `nil` if none has. The first one's error if several have.
    ///
    /// This is known at once, while a consumer receives the error only after everything that had arrived before.
    public var failure: MQError? { state.value.withLock { $0.failure } }

    /// Waits until there is a ``failure``, and returns it. `nil` if the task is cancelled first.
    public func subscriptionFailure() async -> MQError? {
        await state.value.wait(\.waitsForFailure) { $0.failure == nil }
        return failure
    }

    /// The error in words, with what an operator can do about it if that is known.
    ///
    /// - Parameters:
    ///   - error: what a call of the client or a subscription threw.
    ///   - id: the subscription's id; `nil` for a publish. Default: `nil`.
    public func explanation(of error: MQError, id: String? = nil) -> String {
        switch error.code {
        case .unauthorized: return "\(error); the option is \(names.token)"
        case .superseded:
            guard let id, let setting = names.id else { return "\(error)" }
            return "\(error); another subscriber has the id \(id): give each its own \(setting)"
        default: return "\(error)"
        }
    }

    /// Closes the client, as ``MQClient/close(within:)`` does.
    ///
    /// - Parameter limit: how long to wait for what is under way. Default: zero.
    public func close(within limit: Duration = .zero) async { await client.close(within: limit) }
}

extension QueueConnection.State {
    /// Returns the tasks that wait for what has happened.
    fileprivate mutating func take(_ event: MQClient.Event, _ role: QueueConnection.Role) -> Waiters.Woken? {
        switch event {
        case .connected(_, let subscription): connections.set(subscription, isConnected: true, role)
        case .disconnected(_, let subscription, _, _): connections.set(subscription, isConnected: false, role)
        case .messagesSkipped(_, let count, _): losses.skippedMessages = losses.skippedMessages.addingClamped(count)
        case .logReset(_, let found):
            losses.logResets += 1
            losses.lastLogReset = "\(found)"
        case .subscriptionFailed(_, let error):
            failure = failure ?? error
            return waitsForFailure.takeAll()
        case .publishingToOtherLog, .subscriptionDelayed: break
        }
        return nil
    }
}

extension QueueConnection.Losses {
    /// For the detail of a readiness check: empty if nothing was lost; otherwise what was, after a semicolon.
    public var detail: String {
        var text = ""
        if logResets > 0 {
            let logs = logResets == 1 ? "log" : "logs"
            text += "; read \(logResets) other \(logs) than before, last: \(lastLogReset ?? "")"
        }
        if skippedMessages > 0 { text += "; \(skippedMessages) messages were lost to retention" }
        return text
    }
}

/// Which of the connections that count are there.
struct ConnectionTable {
    /// By the subscription's id; empty for the connection that publishes.
    private var connections: [String: Bool] = [:]

    /// Whether there is one, and none is missing.
    var isConnected: Bool { !connections.isEmpty && connections.values.allSatisfy { $0 } }

    mutating func set(_ subscription: String?, isConnected: Bool, _ role: QueueConnection.Role) {
        guard role.counts(subscription) else { return }
        connections[subscription ?? ""] = isConnected
    }
}
