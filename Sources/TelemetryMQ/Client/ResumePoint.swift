import TelemetryBase

/// The message and log that a subscription expects next: a value that outlives the connections.
struct ResumePoint: Sendable {
    enum Verdict: Equatable {
        case deliver
        /// Received before.
        case repeated
        /// The server skipped messages without reporting it.
        case gap(expected: Int64)
        /// Not a valid offset.
        case invalid
    }

    /// How the subscription begins or continues, according to the server's response.
    struct Beginning: Equatable {
        /// The number of messages that retention removed before they could be read.
        var skipped: Int64 = 0
        /// The log is not the requested one, or has lost its tail.
        var reset: MQClient.LogReset?
        /// The response violates the protocol.
        var contradiction: String?
    }

    private let start: MQClient.StartPosition
    private let policy: MQClient.OtherLogPolicy
    /// `nil` until the server has reported where the subscription begins.
    private(set) var nextOffset: Int64?
    /// The log, and the epoch in which the server reported the position.
    private(set) var log = LogTag.unknown

    init(start: MQClient.StartPosition, policy: MQClient.OtherLogPolicy = .startAtOldest) {
        self.start = start
        self.policy = policy
        if case .after(let position) = start {
            nextOffset = position.offset == .max ? .max : position.offset + 1
            log = position.tag
        }
    }

    var failsOnOtherLog: Bool { policy == .fail }

    /// The members of the next subscribe frame that say where it begins, and of which log.
    func appendStart<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        appendRequestedStart(to: &json)
        json.append(log)
        if policy == .fail { json.member("on_other_log", "fail") }
    }

    func appendRequestedStart<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        if let nextOffset { return json.member("offset", nextOffset) }
        switch start {
        case .earliest: json.member("offset", -2)
        case .latest: json.member("offset", -1)
        case .committed: json.member("offset", "committed")
        case .offset(let offset): json.member("offset", max(offset, 0))
        case .timestamp(let timestamp): json.member("timestamp", max(timestamp.microsecondsRoundedUp, 0))
        case .after(let position): json.member("offset", position.offset)
        }
    }

    /// Processes the server's response, which names the position where delivery begins.
    mutating func begins(_ answer: ServerFrame.Answer) -> Beginning {
        guard let offset = answer.offset, offset >= 0 else {
            return Beginning(contradiction: "a response to subscribe without its offset")
        }
        let (old, asked) = (log, nextOffset ?? askedOffset)
        if answer.log.isKnown { log = answer.log }
        if answer.isLogReset {
            nextOffset = offset
            let reset = MQClient.LogReset(
                oldLogID: (old.isKnown ? old : answer.previousLog).id, newLogID: answer.log.id, nextOffset: offset,
                rewound: max(0, answer.rewound ?? 0))
            return Beginning(skipped: max(0, answer.skipped ?? 0), reset: reset)
        }
        if old.isKnown, answer.log.isKnown, !old.isSameLog(as: answer.log) {
            return Beginning(contradiction: "log \(answer.log) was delivered where \(old) was asked for")
        }
        // Messages that were received before are not received again, wherever the server begins.
        nextOffset = max(offset, nextOffset ?? offset)
        // This includes messages that the server skipped without reporting it.
        let missing = asked.map { Self.distance(from: $0, to: offset) } ?? 0
        return Beginning(skipped: max(answer.skipped ?? 0, missing, 0))
    }

    private var askedOffset: Int64? {
        if case .offset(let offset) = start { max(offset, 0) } else { nil }
    }

    /// Delivery continues at a later message, because retention has overtaken the subscription. Returns the number of
    /// messages lost.
    mutating func overtaken(oldest: Int64) -> Int64 {
        let lost = nextOffset.map { Self.distance(from: $0, to: oldest) } ?? 0
        nextOffset = max(oldest, nextOffset ?? oldest)
        return lost
    }

    mutating func receive(_ offset: Int64) -> Verdict {
        guard 0..<Int64.max ~= offset else { return .invalid }
        if let expected = nextOffset {
            if offset < expected { return .repeated }
            if offset > expected { return .gap(expected: expected) }
        }
        nextOffset = offset + 1
        return .deliver
    }

    /// 0 if it is not ahead.
    private static func distance(from: Int64, to: Int64) -> Int64 {
        let (distance, overflow) = to.subtractingReportingOverflow(from)
        return overflow ? 0 : max(0, distance)
    }
}
