import TelemetryIO
import TelemetryMQLog

/// Performs the decisions of ``GroupCommit``: syncs written data, and sends the responses that waited for it.
extension Broker {
    /// Starts a sync once the events of this round are handled, and once the clients that were just answered have
    /// published again.
    func syncSoon() {
        if commits.request() { endRound() }
    }

    private func endRound() {
        let bound = LoopBound(self, to: loop)
        loop.execute {
            let broker = bound.value
            switch broker.commits.roundEnded(at: .now) {
            case .lookAgain: broker.endRound()
            case .startSync: broker.startSync()
            }
        }
    }

    /// Starts a sync of everything that is written and not synced, unless one is running.
    func startSync() {
        guard !commits.isSyncing else { return }
        // Nothing is synced any more: responses that wait for it would wait for ever.
        if let failure = log.failure { return refuseHeldAnswers(failure) }
        guard let work = log.takeSyncWork(with: positions.takeUnsynced()) else {
            // Everything written is already synced.
            finishSync(commits.begin(at: .now), end: log.end, .success(()))
            return
        }
        let number = commits.begin(at: .now)
        counters.syncs += 1
        let bound = LoopBound(self, to: loop)
        let loop = loop
        syncThread.execute {
            let result = Result { () throws(SystemError) in try work.perform() }
            loop.execute { bound.value.finishSync(number, end: work.end, result) }
            if case .success = result { work.writeIndexes() }
        }
    }

    private func finishSync(_ number: Int64, end: MessageLog.LogEnd, _ result: Result<Void, SystemError>) {
        switch result {
        case .success:
            let clients = commits.succeeded(number)
            guard holdsAnswersUntilSynced else { break }
            visible = end
            for connection in clients { connection.releaseAnswers(ofSync: number) }
            pumpSoon()
            commits.answered(at: .now)
            if log.end != end || commits.isHolding { syncSoon() }
        case .failure(let error):
            log.stopWriting(after: error)
            reportFailure(log.failure ?? .failed(error))
            refuseHeldAnswers(log.failure ?? .failed(error))
        }
        finishWaiting()
    }

    private func refuseHeldAnswers(_ failure: LogError) {
        for connection in commits.failed() { connection.refuseHeldAnswers("\(failure)") }
    }

    /// Syncs written data, after a sync that is running.
    func syncAll(then body: @escaping () -> Void) {
        if commits.isSyncing {
            whenSynced.append { [self] in syncAll(then: body) }
        } else {
            whenSynced.append(body)
            startSync()
            finishWaiting()
        }
    }

    private func finishWaiting() {
        guard !commits.isSyncing else { return }
        let waiting = whenSynced
        whenSynced = []
        for body in waiting { body() }
    }

    func repeatSync(every interval: Duration) {
        loop.schedule(after: interval) { [weak self] in
            guard let self, !isStopping else { return }
            startSync()
            repeatSync(every: interval)
        }
    }
}
