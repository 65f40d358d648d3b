import Glibc
import TelemetryMQLog
import TelemetryMQProtocol
import TelemetryNet

/// The server's state: the log, its subscribers and its connections. Lives on one event loop.
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
    /// Up to here messages are delivered: with the policy `always` what is synced, else all that is written.
    private(set) var visible: MessageLog.LogEnd
    private var commitIsDue = false
    private var pumpIsDue = false
    private let syncLoop: EventLoop
    private var syncIsDue = false
    private var syncIsRunning = false
    private var syncBegan = ContinuousClock.now
    /// Connections that wait for a sync, as many as had published when the last one ended, and how long to wait for them.
    private var expected = (publishers: 0, until: ContinuousClock.now)
    /// Of the sync that starts next: it covers all that is written until then.
    private(set) var nextSync: Int64 = 1
    /// Connections with answers that wait for a sync.
    private var holding: [ObjectIdentifier: BrokerConnection] = [:]
    /// Made when the first segment is verified.
    private var verifyLoop: EventLoop?
    private var verifying: Set<Int64> = []
    private var syncFailureReported = false
    private(set) var storage = StorageState()
    private(set) var clock = ClockWatch()
    /// Failures that the next second may bring again.
    private var retentionFailures = ReportLimiter(interval: .seconds(60))
    private var readFailures = ReportLimiter(interval: .seconds(60))
    private(set) var isStopping = false
    private var whenSynced: [() -> Void] = []

    init(configuration: MQServer.Configuration, log: MessageLog, loop: EventLoop, syncLoop: EventLoop) throws {
        self.configuration = configuration
        self.loop = loop
        self.syncLoop = syncLoop
        self.log = log
        let directory = log.directory
        identityFile = try LogIdentityFile(directory: directory, nextOffset: log.nextOffset)
        do {
            try identityFile.store()
        } catch {
            // A full device takes nothing, and delivers what it has; retention may make room.
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
        stage = PublishStage(firstOffset: log.nextOffset, logID: identityFile.identity.id)
        visible = log.end
        // Before anything of the log is delivered, or acknowledged because it is repeated.
        if holdsAnswersUntilSynced, let work = log.takeSyncWork() {
            try work.perform()
            work.writeIndexes()
        }
        for notice in [log.recovery.cutTail, positions.cutTail].compactMap({ $0 }) + log.recovery.setAside { report(.tailCut(notice)) }
        for notice in identityFile.notices { report(.logIdentity(notice)) }
        if let damage = positions.damage { report(.storageFailure(damage)) }
        for notice in log.recovery.notices { report(.storageFailure(notice)) }
        if log.recovery.droppedCount > 0 { report(.segmentsDropped(count: log.recovery.droppedCount, oldestOffset: log.oldestOffset)) }
        for repair in positions.repairs { report(.positionRepaired(repair)) }
        lookAtClock()
        keepPositions()
        startTimers()
    }

    deinit {
        verifyLoop?.stop()
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
        // The first message after the clock was set back: that is worth a word at once.
        if stamp < log.lastTimestamp { lookAtClock() }
        return stamp
    }

    /// Reports what is new about the clock.
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
        holding[ObjectIdentifier(connection)] = nil
        unsubscribe(connection)
    }

    // MARK: Appending

    /// Commits once the events of this round are handled: connections that publish at the same time share one write.
    func commitSoon() {
        guard !commitIsDue else { return }
        commitIsDue = true
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.commitStaged() }
    }

    /// Writes what is staged, of all connections, and answers it; with the policy `always` the answers wait for a sync.
    ///
    /// Whatever is not a publish does this first, so that each client's requests take effect in their order.
    func commitStaged() {
        commitIsDue = false
        guard !stage.isEmpty else { return }
        let publishers: [BrokerConnection]
        do {
            try writeBatch()
            publishers = stage.answerAll(held: holdsAnswersUntilSynced)
        } catch {
            publishers = stage.refuseAll(error)
        }
        if holdsAnswersUntilSynced { syncSoon() }
        for connection in publishers { connection.send() }
    }

    /// On failure nothing of the batch is in the log.
    private func writeBatch() throws(LogError) {
        stage.rememberRun(in: log)
        guard !stage.batch.isEmpty else { return }
        defer { stage.batch.reset(firstOffset: log.nextOffset) }
        do {
            try identityFile.store()
            try log.append(stage.batch)
        } catch {
            if case .failed(let cause) = error { log.stopWriting(after: cause) }
            log.rollBackProducers()
            reportFailure(error, messages: stage.batch.count, bytes: stage.batch.byteCount)
            throw error
        }
        if storage.isFull { hasRoomAgain() }
        counters.messagesIn += Int64(stage.batch.count)
        counters.bytesIn += stage.batch.byteCount
        if !holdsAnswersUntilSynced {
            visible = log.end
            pumpSoon()
        }
    }

    /// Reports the first of many equal failures: of a full device, until there is room again. `messages`: how many were
    /// refused, with `bytes` in all.
    func reportFailure(_ error: LogError, messages: Int = 0, bytes: Int64 = 0) {
        let isNews = storage.refuse(error, messages: messages, bytes: bytes)
        switch error {
        case .full:
            if isNews { report(.storageFull("\(error)")) }
        case .failed:
            guard !syncFailureReported else { return }
            syncFailureReported = true
            report(.storageFailure("\(error)"))
        case .corrupt, .unusable: report(.storageFailure("\(error)"))
        }
    }

    private func hasRoomAgain() {
        guard let refused = storage.accept() else { return }
        report(.storageAvailable(refusedMessages: refused))
    }

    /// Whether there is room again shows at the next publish; but publishers may wait until somebody says so.
    private func tryRoom() {
        guard storage.isFull else { return }
        do {
            try log.tryRoom(for: min(storage.refusedBytes, 16 << 20))
            hasRoomAgain()
        } catch {
            reportFailure(error, bytes: storage.refusedBytes)
        }
        // A segment may have been begun.
        stage.batch.reset(firstOffset: log.nextOffset)
        if !holdsAnswersUntilSynced { visible = log.end }
    }

    /// Of a segment that is to be delivered.
    func reportReadFailure(_ segment: Segment, _ error: any Error) {
        counters.readFailures += 1
        guard let suppressed = readFailures.admit() else { return }
        report(
            .storageFailure(
                "deliver \(segment.path): \(error)"
                    + (suppressed > 0 ? " (and \(suppressed) such failures before)" : "")))
    }

    /// Delivers to the subscribers that have caught up, once the events of this round are handled.
    private func pumpSoon() {
        guard !pumpIsDue else { return }
        pumpIsDue = true
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.pumpIdle() }
    }

    private func pumpIdle() {
        pumpIsDue = false
        for connection in subscribers.values { connection.pumpIfIdle() }
    }

    // MARK: Syncing

    func hold(_ connection: BrokerConnection) {
        holding[ObjectIdentifier(connection)] = connection
    }

    /// Starts a sync once the events of this round are handled, and once those who were just answered have published again:
    /// a sync for all of them is worth a short wait. Where one does not come, half the time of the last sync is waited.
    func syncSoon() {
        guard !syncIsDue, !syncIsRunning else { return }
        syncIsDue = true
        syncWhenGathered()
    }

    private func syncWhenGathered() {
        let bound = LoopBound(self, to: loop)
        loop.execute {
            let broker = bound.value
            guard broker.holding.count >= broker.expected.publishers || ContinuousClock.now >= broker.expected.until else {
                return broker.syncWhenGathered()
            }
            broker.syncIsDue = false
            broker.startSync()
        }
    }

    /// Starts a sync of all that is written and not synced; one runs at a time, and what comes meanwhile shares the next.
    func startSync() {
        guard !syncIsRunning else { return }
        // Nothing is synced any more: what waits for it would wait for ever.
        if let failure = log.failure { return refuseHeldAnswers(failure) }
        guard let work = log.takeSyncWork(with: positions.takeUnsynced()) else {
            // All that is written is synced already.
            finishSync(nextSync, end: log.end, .success(()))
            return
        }
        syncIsRunning = true
        syncBegan = ContinuousClock.now
        let number = nextSync
        nextSync += 1
        counters.syncs += 1
        let bound = LoopBound(self, to: loop)
        let loop = loop
        syncLoop.execute {
            let result = Result { () throws(SystemError) in try work.perform() }
            loop.execute { bound.value.finishSync(number, end: work.end, result) }
            if case .success = result { work.writeIndexes() }
        }
    }

    private func finishSync(_ number: Int64, end: MessageLog.LogEnd, _ result: Result<Void, SystemError>) {
        syncIsRunning = false
        switch result {
        case .success:
            guard holdsAnswersUntilSynced else { break }
            visible = end
            let publishers = holding.count
            for connection in holding.values where connection.releaseAnswers(ofSync: number) {
                holding[ObjectIdentifier(connection)] = nil
            }
            pumpSoon()
            let now = ContinuousClock.now
            expected = (publishers, now + min((now - syncBegan) / 2, .milliseconds(1)))
            if log.end != end || !holding.isEmpty { syncSoon() }
        case .failure(let error):
            log.stopWriting(after: error)
            reportFailure(log.failure ?? .failed(error))
            refuseHeldAnswers(log.failure ?? .failed(error))
        }
        finishWaiting()
    }

    private func refuseHeldAnswers(_ failure: LogError) {
        let waiting = holding
        holding = [:]
        for connection in waiting.values { connection.refuseHeldAnswers("\(failure)") }
    }

    private func finishWaiting() {
        guard !syncIsRunning else { return }
        let waiting = whenSynced
        whenSynced = []
        for body in waiting { body() }
    }

    // MARK: Verifying

    /// Reads a segment that was opened by its index, before anything of it is delivered; then the subscribers go on.
    func verify(_ segment: Segment) {
        guard !segment.isVerified, verifying.insert(segment.baseOffset).inserted else { return }
        let verifier: EventLoop
        do {
            verifier = try verifyLoop ?? EventLoop.start(name: "mq-verify")
        } catch {
            verifying.remove(segment.baseOffset)
            return report(.storageFailure("verify \(segment.path): \(error)"))
        }
        verifyLoop = verifier
        let file: any LogFile
        do {
            file = try segment.openFile()
        } catch {
            verifying.remove(segment.baseOffset)
            // Where it was dropped, the subscriber goes on with the oldest segment; else it tries again with the next
            // second.
            if !log.hasDropped(segment) { reportReadFailure(segment, error) }
            loop.schedule(after: .seconds(1)) { [weak self] in self?.pumpSoon() }
            return
        }
        let (bound, target) = (LoopBound(self, to: loop), LoopBound(segment, to: loop))
        let (index, loop) = (segment.indexFile, loop)
        verifier.execute {
            let (marks, damage) = SegmentRecovery.verify(file, index)
            loop.execute { bound.value.verified(target.value, marks, damage) }
        }
    }

    private func verified(_ segment: Segment, _ marks: [SegmentIndex.Mark], _ damage: Segment.Damage?) {
        verifying.remove(segment.baseOffset)
        segment.verified(marks: marks, damage: damage)
        if let damage {
            report(
                .storageFailure(
                    "\(LogError.corrupt(path: segment.path, position: damage.position, offset: damage.offset, reason: damage.reason))"
                ))
        }
        pumpSoon()
    }

    // MARK: Subscribing

    /// How long the connection has to wait before it may take the id from another one; `nil`: it may, or need not take it.
    func takeoverWait(of id: String, by connection: BrokerConnection) -> Duration? {
        guard let older = subscribers[id], older !== connection else { return nil }
        return takeovers.take(id, at: loop.now)
    }

    /// Makes the connection the one that serves the subscriber id; another one that did is told and closed.
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

    private func repeatSync(every interval: Duration) {
        loop.schedule(after: interval) { [weak self] in
            guard let self, !isStopping else { return }
            startSync()
            repeatSync(every: interval)
        }
    }

    private func repeatHousekeeping() {
        loop.schedule(after: .seconds(1)) { [weak self] in
            guard let self, !isStopping else { return }
            commitStaged()
            for connection in connections.values { connection.checkLiveness() }
            takeovers.forget(at: loop.now)
            // Whatever the policy, what is sealed gets to the device and gets its index.
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

    // MARK: Stopping

    /// Refuses new work, lets what was answered reach its clients, and syncs. `done` is called on the loop.
    func stop(within limit: Duration, done: @escaping @Sendable () -> Void) {
        isStopping = true
        commitStaged()
        for connection in connections.values { connection.refuseAndClose(.shuttingDown, "the server is shutting down") }
        let deadline = loop.now + limit
        waitForConnections(until: deadline) { [self] in
            for connection in connections.values { connection.close() }
            syncAll { [self] in
                let bound = LoopBound(self, to: loop)
                let loop = loop
                // The indexes of what was sealed are written behind the sync; another server must not have the
                // directory before.
                syncLoop.execute {
                    loop.execute {
                        bound.value.log.directory.release()
                        done()
                    }
                }
            }
        }
    }

    /// Syncs what is written, behind a sync that is running.
    private func syncAll(then body: @escaping () -> Void) {
        if syncIsRunning {
            whenSynced.append { [self] in syncAll(then: body) }
        } else {
            whenSynced.append(body)
            startSync()
            finishWaiting()
        }
    }

    private func waitForConnections(until deadline: ContinuousClock.Instant, then body: @escaping () -> Void) {
        if connections.isEmpty || loop.now >= deadline { return body() }
        loop.schedule(after: .milliseconds(5)) { [self] in waitForConnections(until: deadline, then: body) }
    }
}

/// What the server counts from its start.
struct BrokerCounters {
    var messagesIn: Int64 = 0
    var bytesIn: Int64 = 0
    var bytesDelivered: Int64 = 0
    var publishesRepeated: Int64 = 0
    var connectionsAccepted: Int64 = 0
    var syncs: Int64 = 0
    var retentionFailures: Int64 = 0
    var readFailures: Int64 = 0
    var errors: [ErrorCode: Int64] = [:]
}
