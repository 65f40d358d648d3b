import TelemetryBase
import TelemetryMQLog

/// The stored positions: changes, lists and deletes them.
extension Broker {
    /// The caller has checked that the log accepts writes, and holds the response until the next sync, if the policy
    /// requires it.
    func commit(_ id: String, offset: Int64) throws(LogError) {
        try change { () throws(LogError) in try positions.commit(id, offset: offset, at: configuration.clock.wall()) }
    }

    func deletePosition(_ id: String) throws(LogError) {
        try change { () throws(LogError) in try positions.delete([id]) }
    }

    private func change(_ body: () throws(LogError) -> Void) throws(LogError) {
        do {
            try identityFile.store()
            try body()
        } catch {
            if case .failed(let cause) = error { log.stopWriting(after: cause) }
            reportFailure(error)
            throw error
        }
    }

    /// Whether another subscriber id may get a position; counts and, once a minute, reports those that may not.
    func hasRoomForPosition(of id: String) -> Bool {
        guard positions[id] == nil, positions.count >= configuration.maxPositions else { return true }
        positionCounters.refused += 1
        if positionCounters.refusalReported.map({ loop.now - $0 >= .seconds(60) }) ?? true {
            positionCounters.refusalReported = loop.now
            report(
                .positionsRefused(
                    "\(positions.count) positions are stored and \(configuration.maxPositions) may be: no position is stored for "
                        + "new subscriber ids (\(positionCounters.refused) commits refused since the start); delete some, "
                        + "or raise the limit"
                ))
        }
        return false
    }

    /// Called about once a second.
    func keepPositions() {
        positions.retentionMoved(to: log.oldestOffset)
        guard log.failure == nil else { return }
        do {
            // Writes that failed when the log was opened, because there was no space.
            if positions.needsRewrite, identityFile.isStored { try positions.rewriteIfNeeded() }
            let uptime = (loop.now - started).wholeMicroseconds
            guard positionCounters.expiry.isDue(uptime: uptime) else { return }
            try expirePositions(now: configuration.clock.wall(), uptime: uptime)
        } catch let error {
            if case .failed(let cause) = error { log.stopWriting(after: cause) }
            reportFailure(error)
        }
    }

    private func expirePositions(now: Int64, uptime: Int64) throws(LogError) {
        let expiry = positionCounters.expiry
        var expired: [String] = []
        for (id, position) in positions.positions {
            if subscribers[id] != nil {
                if expiry.needsTouch(usedAt: position.usedAt, now: now) { try positions.touch(id, at: now) }
            } else if expiry.hasExpired(usedAt: position.usedAt, now: now, uptime: uptime) {
                expired.append(id)
            }
        }
        guard !expired.isEmpty else { return }
        try identityFile.store()
        try positions.delete(expired)
        positionCounters.expired += Int64(expired.count)
        report(.positionsExpired(expired.sorted()))
    }
}

/// The server's counters for positions, and the times when it examines them.
struct PositionCounters {
    var expiry: PositionExpiry
    var expired: Int64 = 0
    var refused: Int64 = 0
    var refusalReported: ContinuousClock.Instant?
    var times = MessageTimes()

    init(expiry: Duration?) {
        self.expiry = PositionExpiry(after: expiry)
    }
}
