/// Decides when the log is synced, so that clients that publish at the same time share one sync: a value that takes
/// events and returns what to do. ``Broker`` performs it.
///
/// One sync runs at a time, and covers what was written when it began; what comes meanwhile shares the next one. After
/// a sync the clients that it let go are expected to publish again, so the next sync waits for them, but only for half
/// the time that the last sync took, and at most for ``maxGathering``.
struct GroupCommit<Client: AnyObject> {
    /// What to do at the end of a round of the event loop.
    enum Step: Equatable {
        /// Look again at the end of the next round.
        case lookAgain
        case startSync
    }

    /// The longest wait for clients that have just been answered.
    static var maxGathering: Duration { .milliseconds(1) }

    /// The number of the sync that starts next; it covers everything that is written until then.
    private(set) var nextSync: Int64 = 1
    private(set) var isSyncing = false
    private var isGathering = false
    private var syncBegan: ContinuousClock.Instant
    /// Clients with responses that wait for a sync, each with the last sync that it waits for.
    private var holding: [ObjectIdentifier: (client: Client, lastSync: Int64)] = [:]
    /// The number of clients that waited for the last sync, and how long to wait for as many.
    private var expected: (clients: Int, until: ContinuousClock.Instant)

    init(now: ContinuousClock.Instant) {
        syncBegan = now
        expected = (0, now)
    }

    /// Whether a response waits for a sync.
    var isHolding: Bool { !holding.isEmpty }

    // MARK: Clients

    /// A client's response waits for the next sync, whose number is ``nextSync``.
    mutating func hold(_ client: Client) {
        holding[ObjectIdentifier(client)] = (client, nextSync)
    }

    /// A client is gone, and its responses with it.
    mutating func forget(_ client: Client) {
        holding[ObjectIdentifier(client)] = nil
    }

    // MARK: Starting

    /// A sync is wanted. Returns whether ``roundEnded(at:)`` has to be called at the end of this round; if not, that is
    /// due already, or the sync that runs asks for another one when it ends.
    mutating func request() -> Bool {
        guard !isGathering, !isSyncing else { return false }
        isGathering = true
        return true
    }

    /// All events of a round are handled: starts the sync if everybody has published who is expected to, or in time.
    mutating func roundEnded(at now: ContinuousClock.Instant) -> Step {
        guard holding.count >= expected.clients || now >= expected.until else { return .lookAgain }
        isGathering = false
        return .startSync
    }

    /// A sync of everything written up to now begins. Returns its number.
    mutating func begin(at now: ContinuousClock.Instant) -> Int64 {
        precondition(!isSyncing, "one sync runs at a time")
        isSyncing = true
        syncBegan = now
        defer { nextSync += 1 }
        return nextSync
    }

    // MARK: Ending

    /// The sync has succeeded. Returns the clients that have responses which waited for it; ``answered(at:)`` follows
    /// once these are sent.
    mutating func succeeded(_ number: Int64) -> [Client] {
        isSyncing = false
        let clients = holding.values.map(\.client)
        expected.clients = clients.count
        holding = holding.filter { $0.value.lastSync > number }
        return clients
    }

    /// The clients have their responses: from now on they may publish again.
    mutating func answered(at now: ContinuousClock.Instant) {
        expected.until = now + min((now - syncBegan) / 2, Self.maxGathering)
    }

    /// Nothing is synced any more. Returns the clients whose responses have to be replaced by a refusal.
    mutating func failed() -> [Client] {
        isSyncing = false
        defer { holding = [:] }
        return holding.values.map(\.client)
    }
}
