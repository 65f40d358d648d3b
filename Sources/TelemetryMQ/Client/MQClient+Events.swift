extension MQClient {
    /// An event of a client's connections. `id` and `subscription` are the id of the subscription concerned.
    public enum Event: Sendable {
        /// Connected or reconnected. `subscription`: the subscription that the connection serves; `nil` for the
        /// connection that publishes and requests statistics.
        case connected(peer: String, subscription: String?)
        /// A connection broke, or an attempt failed, with that reason; the next attempt follows after `retryAfter`.
        case disconnected(peer: String, subscription: String?, reason: String, retryAfter: Duration)
        /// Retention removed messages before the subscription could read them.
        case messagesSkipped(id: String, count: Int64, nextOffset: Int64)
        /// The server has another log than the one that the subscription has read, or its log has lost its tail: the
        /// subscription continues at `nextOffset` of the server's present log.
        case logReset(id: String, LogReset)
        /// The server has another log than the one that this client published to before. Messages that the older log
        /// had acknowledged are not in it.
        case publishingToOtherLog(oldLogID: String, newLogID: String)
        /// The subscription waits before it subscribes, because its id was taken over too often.
        case subscriptionDelayed(id: String, reason: String, retryAfter: Duration)
        /// A subscription has ended for good at this moment. Its consumer first receives the messages that had arrived,
        /// however long that takes, and then the error.
        case subscriptionFailed(id: String, MQError)
    }

    /// The start position of a subscription. After a broken connection it continues after the last message, wherever it
    /// began.
    public enum StartPosition: Sendable, Hashable {
        /// The oldest message that the log still contains.
        case earliest
        /// The first message that is published from now on.
        case latest
        /// The message with that offset; if retention has removed it, the oldest message.
        case offset(Int64)
        /// The first message that the server stored at that time or later.
        case timestamp(Timestamp)
        /// The message after the position that was committed for the subscription's id, otherwise the earliest message.
        case committed
        /// The message after that position, if the server has the log that the position names; otherwise the
        /// subscription's ``MQClient/OtherLogPolicy`` decides.
        case after(LogPosition)
    }

    /// The behaviour of a subscription if the server has another log than the one that it has read or was asked to
    /// resume: a new log in memory, another server's log, a restored backup, or a log that lost its tail in a power
    /// loss.
    public enum OtherLogPolicy: Sendable, Hashable {
        /// Continues at the oldest message of the server's present log; after a lost tail, at the end of the rest.
        /// Reported by ``MQClient/Event/logReset(id:_:)``. No message of that log is skipped.
        case startAtOldest
        /// Ends with ``MQError/Code/otherLog``.
        case fail
    }

    /// The log that a subscription found instead of the one that it had read.
    public struct LogReset: Sendable, Hashable, CustomStringConvertible {
        /// The id of the log that it had read; `nil` if the server never reported it.
        public var oldLogID: String?
        /// The id of the server's present log; `nil` if the server does not report it. The same as ``oldLogID`` if that
        /// log lost its tail or is a restored backup.
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
                return "log \(new) has changed since it was read; it is delivered from \(nextOffset)"
            }
            return "the server has log \(new) instead of log \(old), from \(nextOffset)"
        }
    }
}
