import Glibc

/// The progress of a subscriber, as it has committed it.
package struct Position: Sendable, Equatable {
    /// The last message that the subscriber has committed; -1 for none.
    package var offset: Int64
    /// The time of that commit, in microseconds since 1970; 0 if it was stored by a version that did not record it.
    package var committedAt: Int64
    /// The time of the last commit, or of the last known connection of the subscriber; in the same unit.
    package var usedAt: Int64
    /// The number of messages that retention removed before they were committed, since the position was first stored.
    package var skipped: Int64

    package init(offset: Int64, committedAt: Int64, usedAt: Int64, skipped: Int64 = 0) {
        self.offset = offset
        self.committedAt = committedAt
        self.usedAt = usedAt
        self.skipped = skipped
    }

    /// The first message that is not committed.
    package var nextOffset: Int64 { offset == .max ? .max : offset + 1 }

    /// Counts the messages that the position loses when the log's first message changes from `from` to `to`.
    mutating func retentionMoved(from: Int64, to: Int64) {
        let lost = max(0, to - max(nextOffset, from))
        skipped = skipped > .max - lost ? .max : skipped + lost
    }
}

/// The limits within which a stored position refers to a message of the log that is being opened.
package struct PositionBounds {
    /// `nil` if the identity of the log is not known: then only offsets are compared.
    var identity: LogIdentity?
    var oldestOffset: Int64
    var nextOffset: Int64

    package init(identity: LogIdentity? = nil, oldestOffset: Int64, nextOffset: Int64) {
        self.identity = identity
        self.oldestOffset = oldestOffset
        self.nextOffset = nextOffset
    }

    /// Returns limits that contain every position.
    static let none = PositionBounds(identity: nil, oldestOffset: 0, nextOffset: .max)

    enum Verdict: Equatable {
        case sound
        /// It refers to a message that the log does not have; `end` is the end of what this log can know.
        case beyondEnd
        case otherLog
        /// The log lost the messages from `end` on that it had when the position was committed.
        case lostTail(end: Int64)
    }

    func verdict(_ line: PositionLine, offset: Int64) -> Verdict {
        let next = offset == .max ? offset : offset + 1
        if let identity {
            if let named = line.logID, named != identity.id { return .otherLog }
            if let epoch = line.epoch {
                switch identity.standing(epoch: epoch, nextOffset: next) {
                case .other: return .otherLog
                case .lostTail(let end): return .lostTail(end: end)
                case .same: break
                }
            }
        }
        // The epoch's own messages may have been lost only now, before the log was opened with a new epoch.
        guard next > nextOffset || offset == .max else { return .sound }
        return line.epoch == nil ? .beyondEnd : .lostTail(end: nextOffset)
    }
}
