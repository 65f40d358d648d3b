import TelemetryBase
import TelemetryIO

/// A client's subscriptions, for operations on all of them: closing, and ids that others take over. Belongs to the
/// loop.
final class SubscriptionRegistry {
    private let loop: EventLoop
    private let peer: String
    private var feeds: [ObjectIdentifier: SubscriptionFeed] = [:]
    private var takeovers: TakeoverBackoff
    private var whenEmpty: (() -> Void)?
    /// Set when the client is closed: nothing new begins.
    private(set) var isClosing = false

    init(configuration: MQClient.Configuration, loop: EventLoop) {
        self.loop = loop
        peer = "\(configuration.host):\(configuration.port)"
        takeovers = TakeoverBackoff(Backoff(configuration))
    }

    var closedError: MQError { MQError(.closed, "\(peer): the client is closed") }

    // MARK: Feeds

    /// The feed iterates or commits from now on.
    func add(_ feed: SubscriptionFeed) { feeds[ObjectIdentifier(feed)] = feed }

    /// The feed no longer needs the client.
    func remove(_ feed: SubscriptionFeed) {
        feeds[ObjectIdentifier(feed)] = nil
        if feeds.isEmpty { whenEmpty?() }
    }

    // MARK: Takeovers

    func superseded(_ id: String) { takeovers.lost(id, at: loop.now) }

    /// The time that a subscription with that id has to wait before it takes the id back.
    func delay(_ id: String) -> Duration { takeovers.delay(id, at: loop.now) }

    // MARK: Ending

    /// Ends delivery to all at once, waits at most `limit` until all subscriptions are released, and then refuses their
    /// commits.
    func close(within limit: Duration, done: @escaping () -> Void) {
        isClosing = true
        for feed in Array(feeds.values) { feed.endDelivery() }
        let deadline = loop.schedule(after: limit) { [self] in whenEmpty?() }
        whenEmpty = { [self] in
            whenEmpty = nil
            loop.cancel(deadline)
            for feed in Array(feeds.values) { feed.shutDown(closedError) }
            feeds = [:]
            done()
        }
        if feeds.isEmpty { whenEmpty?() }
    }
}
