import Glibc
import TelemetryBase
import TelemetryIO
import TelemetryMQLog
import TelemetryMQProtocol

/// The server's state: the log, its subscribers and its connections. Belongs to one event loop.
final class Broker {
    let configuration: MQServer.Configuration
    let loop: EventLoop
    let log: MessageLog
    let identityFile: LogIdentityFile
    let positions: PositionJournal
    var counters = BrokerCounters()
    var positionCounters: PositionCounters
    let started: ContinuousClock.Instant
    var clients = ClientLimits()

    let arena = ReceiveArena()
    var parser = RequestParser()
    var stage: PublishStage

    private(set) var connections: [Int32: BrokerConnection] = [:]
    private(set) var subscribers: TextTable<BrokerConnection> = [:]
    private var takeovers = TakeoverLimit()
    /// The end of the messages that are delivered: with the policy `always` those that are synced, otherwise those
    /// written.
    var visible: MessageLog.LogEnd
    var commitIsDue = false
    var pumpIsDue = false

    let syncThread: SerialThread
    var commits: GroupCommit<BrokerConnection>
    /// Called when no sync is running any more.
    var whenSynced: [() -> Void] = []
    /// Created when the first segment is verified.
    var verifyThread: SerialThread?
    /// The first offsets of the segments that are being verified.
    var verifying: Set<Int64> = []

    var syncFailureReported = false
    var storage = StorageState()
    private(set) var clock = ClockWatch()
    /// Failures that may occur again every second.
    private var retentionFailures = ReportLimiter(interval: .seconds(60))
    var readFailures = ReportLimiter(interval: .seconds(60))
    var isStopping = false

    init(configuration: MQServer.Configuration, log: MessageLog, loop: EventLoop, syncThread: SerialThread) throws {
        self.configuration = configuration
        self.loop = loop
        self.syncThread = syncThread
        self.log = log
        let directory = log.directory
        identityFile = try LogIdentityFile(directory: directory, nextOffset: log.nextOffset)
        do {
            try identityFile.store()
        } catch {
            // A full device accepts nothing, but existing messages are delivered; retention may free space.
            guard case .full = error else { throw error }
            configuration.onEvent(.storageFailure("\(error)"))
        }
        positions = try PositionJournal(
            directory: directory,
            bounds: PositionBounds(
                identity: identityFile.identity, oldestOffset: log.oldestOffset, nextOffset: log.nextOffset),
            now: configuration.clock.wall())
        positionCounters = PositionCounters(expiry: configuration.positionExpiry)
        started = loop.now
        commits = GroupCommit(now: started)
        stage = PublishStage(firstOffset: log.nextOffset, logID: identityFile.identity.id)
        visible = log.end
        // Before anything in the log is delivered, or acknowledged because it is repeated.
        if holdsAnswersUntilSynced, let work = log.takeSyncWork() {
            try work.perform()
            work.writeIndexes()
        }
        for notice in [log.recovery.cutTail, positions.cutTail].compactMap({ $0 }) + log.recovery.setAside {
            report(.tailCut(notice))
        }
        for notice in identityFile.notices { report(.logIdentity(notice)) }
        if let damage = positions.damage { report(.storageFailure(damage)) }
        for notice in log.recovery.notices { report(.storageFailure(notice)) }
        if log.recovery.droppedCount > 0 {
            report(.segmentsDropped(count: log.recovery.droppedCount, oldestOffset: log.oldestOffset))
        }
        for repair in positions.repairs { report(.positionRepaired(repair)) }
        lookAtClock()
        keepPositions()
        startTimers()
    }

    func report(_ event: MQServer.Event) {
        configuration.onEvent(event)
    }

    var identity: LogIdentity { identityFile.identity }

    var holdsAnswersUntilSynced: Bool {
        if case .always = configuration.sync { log.directory.isDurable } else { false }
    }

    /// Microseconds since 1970, for the messages that are stored now.
    func timestamp() -> Int64 {
        let wall = configuration.clock.wall()
        let stamp = ClockWatch.stamp(wall: wall, last: log.lastTimestamp)
        // The first message after the clock was set back is reported at once.
        if stamp < log.lastTimestamp { lookAtClock() }
        return stamp
    }

    /// Reports changes of the clock's state.
    private func lookAtClock() {
        let findings = clock.look(
            wall: configuration.clock.wall(), elapsed: configuration.clock.elapsed(), newest: log.newestTimestamp)
        for finding in findings {
            if case .caughtUp = finding {
                report(.clockCaughtUp(finding.text))
            } else {
                report(.clockDiffers(finding.text))
            }
        }
    }

    // MARK: Connections

    func add(_ connection: BrokerConnection) {
        connections[connection.descriptor] = connection
        counters.connectionsAccepted += 1
    }

    func remove(_ connection: BrokerConnection) {
        connections[connection.descriptor] = nil
        commits.forget(connection)
        unsubscribe(connection)
    }

    // MARK: Subscribing

    /// How long the connection has to wait before it may take the id from another one; `nil` if it may, or need not,
    /// take it.
    func takeoverWait(of id: String, by connection: BrokerConnection) -> Duration? {
        guard let older = subscribers[id], older !== connection else { return nil }
        return takeovers.take(id, at: loop.now)
    }

    /// Makes the connection serve the subscriber id; another one that did is notified and closed.
    func subscribe(_ connection: BrokerConnection, as id: String) -> Bool {
        if let older = subscribers[id], older !== connection {
            older.supersede(by: connection.peer)
        } else if subscribers[id] == nil, subscribers.count >= configuration.maxSubscribers {
            return false
        }
        if connection.subscriberID != id { unsubscribe(connection) }
        subscribers[id] = connection
        return true
    }

    func unsubscribe(_ connection: BrokerConnection) {
        guard let id = connection.subscriberID, subscribers[id] === connection else { return }
        subscribers[id] = nil
        positions.used(id, at: configuration.clock.wall())
    }

    // MARK: Time

    private func startTimers() {
        if case .interval(let interval) = configuration.sync { repeatSync(every: interval) }
        repeatHousekeeping()
    }

    private func repeatHousekeeping() {
        loop.schedule(after: .seconds(1)) { [weak self] in
            guard let self, !isStopping else { return }
            commitStaged()
            for connection in connections.values { connection.checkLiveness() }
            takeovers.forget(at: loop.now)
            // Whatever the policy, sealed segments are synced and get their index.
            if log.hasUnsealedSegments { startSync() }
            lookAtClock()
            do {
                let dropped = try log.applyRetention(
                    now: configuration.clock.wall(),
                    trustsClock: clock.isTrusted(elapsed: configuration.clock.elapsed()))
                if dropped > 0 {
                    stage.batch.reset(firstOffset: log.nextOffset)
                    visible = holdsAnswersUntilSynced ? visible : log.end
                    report(.segmentsDropped(count: dropped, oldestOffset: log.oldestOffset))
                }
            } catch {
                counters.retentionFailures += 1
                if let suppressed = retentionFailures.admit() {
                    report(
                        .storageFailure(
                            "retention: \(error)" + (suppressed > 0 ? " (and \(suppressed) times before)" : "")))
                }
            }
            tryRoom()
            keepPositions()
            repeatHousekeeping()
        }
    }
}
