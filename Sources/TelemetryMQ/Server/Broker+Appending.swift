import TelemetryIO
import TelemetryMQLog

/// Writes published messages, and performs what follows: responses, delivery, and reports of a device that fails.
extension Broker {
    /// Commits once the events of this round are handled: connections that publish at the same time share one write.
    func commitSoon() {
        guard !commitIsDue else { return }
        commitIsDue = true
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.commitStaged() }
    }

    /// Writes the staged messages of all connections, and responds; with the policy `always` the responses wait for a
    /// sync.
    ///
    /// Every other request does this first, so that each client's requests take effect in their order.
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

    /// Reports the first of many equal failures: of a full device, until there is space again. `messages`: the number
    /// refused, with `bytes` in total.
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

    /// A publish would show whether there is space again; but publishers may wait until they are told.
    func tryRoom() {
        guard storage.isFull else { return }
        do {
            try log.tryRoom(for: min(storage.refusedBytes, 16 << 20))
            hasRoomAgain()
        } catch {
            reportFailure(error, bytes: storage.refusedBytes)
        }
        // A new segment may have been started.
        stage.batch.reset(firstOffset: log.nextOffset)
        if !holdsAnswersUntilSynced { visible = log.end }
    }

    /// Handles an error of a segment that is to be delivered.
    func reportReadFailure(_ segment: Segment, _ error: any Error) {
        counters.readFailures += 1
        guard let suppressed = readFailures.admit() else { return }
        report(
            .storageFailure(
                "deliver \(segment.path): \(error)"
                    + (suppressed > 0 ? " (and \(suppressed) such failures before)" : "")))
    }

    /// Delivers to the subscribers that have caught up, once the events of this round are handled.
    func pumpSoon() {
        guard !pumpIsDue else { return }
        pumpIsDue = true
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.pumpIdle() }
    }

    private func pumpIdle() {
        pumpIsDue = false
        for connection in subscribers.values { connection.pumpIfIdle() }
    }
}
