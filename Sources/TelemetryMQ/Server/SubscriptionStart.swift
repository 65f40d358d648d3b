import TelemetryMQLog

/// The start of a subscription, and what its response reports about it.
struct SubscriptionStart: Equatable {
    /// The first message that is delivered.
    var offset: Int64
    /// The number of requested messages that retention has removed.
    var skipped: Int64 = 0
    /// The log is not the one that the subscriber read, or has lost a part of it.
    var isReset = false
    /// The log lost its tail: the number of offsets by which delivery begins before the requested one.
    var rewound: Int64?

    /// `asked`: the requested offset. `oldest`: of the log. `visible`: the end of the messages that may be delivered;
    /// `end`: of the log.
    init(asked: Int64, standing: LogIdentity.Standing, oldest: Int64, visible: Int64, end: Int64) {
        switch standing {
        case .same where asked <= end:
            offset = min(max(asked, oldest), visible)
            skipped = max(0, oldest - asked)
        case .same, .other:
            // An offset beyond the end belongs to a previous log, as after a restart of one in memory: all of this one
            // is new.
            offset = oldest
            isReset = true
        case .lostTail(let tail):
            offset = min(max(tail, oldest), visible)
            skipped = max(0, oldest - tail)
            isReset = true
            rewound = max(0, asked - offset)
        }
    }
}
