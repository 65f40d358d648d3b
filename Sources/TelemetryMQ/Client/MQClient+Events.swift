extension MQClient {
    /// What happens to a client's connections. `id` and `subscription` are the id of the subscription concerned.
    public enum Event: Sendable {
        /// Connected, or connected again, and greeted. `subscription`: whose connection it is; `nil`: the one that
        /// publishes and asks for statistics.
        case connected(peer: String, subscription: String?)
        /// A connection broke, or an attempt failed, for that reason; the next attempt comes after `retryAfter`.
        case disconnected(peer: String, subscription: String?, reason: String, retryAfter: Duration)
        /// Retention dropped messages before the subscription could read them.
        case messagesSkipped(id: String, count: Int64, nextOffset: Int64)
        /// The server has another log than the one that the subscription has read, or its log has lost its tail: the
        /// subscription continues at `nextOffset` of the log that is there now.
        case logReset(id: String, LogReset)
        /// The server has another log than the one that this client published to before. What the older log had
        /// acknowledged is not in it.
        case publishingToOtherLog(oldLogID: String, newLogID: String)
        /// The subscription waits before it subscribes, because its id was taken over too often.
        case subscriptionDelayed(id: String, reason: String, retryAfter: Duration)
        /// A subscription has ended for good, at this moment. Its consumer still gets what had arrived, however long it takes, and only then
        /// the error.
        case subscriptionFailed(id: String, MQError)
    }

    /// Where a subscription begins. After a broken connection it goes on behind the last message, wherever it began.
    public enum StartPosition: Sendable, Hashable {
        /// With the oldest message that the log still has.
        case earliest
        /// With the first message that is published from now on.
        case latest
        /// With the message of that offset; where retention dropped it, with the oldest there is.
        case offset(Int64)
        /// With the first message that the server stored at that time or later, in microseconds since 1970.
        case timestamp(Int64)
        /// After the position that was committed for the subscription's id, else at the earliest message.
        case committed
        /// With the message after that position, if the server has the log that the position names; what else, the
        /// subscription's ``MQClient/OtherLogPolicy`` decides.
        case after(LogPosition)
    }

    /// What a subscription does when the server has another log than the one that it has read or was asked to resume: a
    /// log in memory that began anew, another server's log, a restored backup, or a log that lost its tail in a power
    /// loss.
    public enum OtherLogPolicy: Sendable, Hashable {
        /// Continues at the oldest message of the log that is there; after a lost tail, at the end of what is left.
        /// Reported by ``MQClient/Event/logReset(id:_:)``. Nothing of that log is skipped.
        case startAtOldest
        /// Ends with ``MQError/Code/otherLog``.
        case fail
    }

    /// What a subscription found instead of the log that it had read.
    public struct LogReset: Sendable, Hashable, CustomStringConvertible {
        /// The id of the log that it had read; `nil` if the server never named it.
        public var oldLogID: String?
        /// The id of the log that is there; `nil` if the server does not name it. The same as ``oldLogID`` if that log
        /// lost its tail or is a restored backup.
        public var newLogID: String?
        /// The message of that log with which delivery continues.
        public var nextOffset: Int64
        /// The number of offsets from ``nextOffset`` on that had been delivered, and that the log has lost; 0 if it is
        /// not known.
        public var rewound: Int64

        public var description: String {
            let (old, new) = (oldLogID ?? "unknown", newLogID ?? "unknown")
            if rewound > 0 {
                return "log \(new) has lost \(rewound) messages that were delivered, and continues at \(nextOffset)"
            }
            if oldLogID != nil, oldLogID == newLogID {
                return "log \(new) is not as it was read: it is delivered from \(nextOffset)"
            }
            return "the server has log \(new) instead of log \(old), from \(nextOffset)"
        }
    }
}
