import TelemetryMQLog

/// Where a subscription begins, and what its response reports of it.
struct SubscriptionStart: Equatable {
    /// The first message that is delivered.
    var offset: Int64
    /// Messages that were asked for and that retention has dropped.
    var skipped: Int64 = 0
    /// The log is not the one that the subscriber read, or not all of it.
    var isReset = false
    /// The log lost its tail: how far before the asked offset delivery begins.
    var rewound: Int64?

    /// `asked`: the offset asked for. `oldest`: of the log. `visible`: up to here messages may be delivered; `end`:
    /// of the log.
    init(asked: Int64, standing: LogIdentity.Standing, oldest: Int64, visible: Int64, end: Int64) {
        switch standing {
        case .same where asked <= end:
            offset = min(max(asked, oldest), visible)
            skipped = max(0, oldest - asked)
        case .same, .other:
            // An offset beyond the end is of a log that is no more, as after a restart of one in memory: all of this
            // one is new.
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
