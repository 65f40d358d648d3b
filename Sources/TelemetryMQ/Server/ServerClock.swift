import Glibc

/// The time for a server: the system's clocks, or a test's.
package struct ServerClock: Sendable {
    /// Microseconds since 1970.
    package var wall: @Sendable () -> Int64
    /// Microseconds since any fixed moment, including time when the machine was suspended; cannot be set.
    package var elapsed: @Sendable () -> Int64

    package init(wall: @escaping @Sendable () -> Int64, elapsed: @escaping @Sendable () -> Int64) {
        self.wall = wall
        self.elapsed = elapsed
    }

    /// The system's clocks. A time before 1970 counts as 1970.
    package static let system = ServerClock(wall: { max(0, read(CLOCK_REALTIME)) }, elapsed: { read(CLOCK_BOOTTIME) })

    private static func read(_ clock: clockid_t) -> Int64 {
        var now = timespec()
        clock_gettime(clock, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }
}

/// A server's checks of its clock: a value that receives the time about once a second.
///
/// It is impossible to know which clock was right. The order of messages is therefore that of their offsets, each has
/// the time of its clock, and inconsistencies are reported.
struct ClockWatch: Sendable {
    /// Microseconds by which a clock may be set, or differ, without a report; a step back of that size is bridged.
    static let tolerance: Int64 = 1_000_000
    /// A step forward of more than this makes messages appear old that are not.
    static let largeStep: Int64 = 60_000_000
    /// For this time after a large step forward no message is removed because of its age.
    static let distrust: Int64 = 600_000_000

    enum Finding: Equatable {
        /// The newest time in the log is ahead of the clock by this number of microseconds.
        case ahead(Int64)
        /// It is no longer ahead.
        case caughtUp
        /// The clock was set, forward or back, by this number of microseconds.
        case stepped(Int64)
    }

    /// Microseconds that the newest time in the log is ahead of the clock; 0 if it is not.
    private(set) var ahead: Int64 = 0
    private var difference: Int64?
    private var distrustedUntil: Int64?

    /// The timestamp for a message that is stored now, after one with the timestamp `last`. Timestamps decrease only if
    /// the clock was set back by more than ``tolerance``.
    static func stamp(wall: Int64, last: Int64) -> Int64 {
        wall < last && last - wall <= tolerance ? last : wall
    }

    /// Whether messages may be removed because of their age.
    func isTrusted(elapsed: Int64) -> Bool { distrustedUntil.map { elapsed >= $0 } ?? true }

    /// - Parameter newest: The latest time in the log.
    mutating func look(wall: Int64, elapsed: Int64, newest: Int64) -> [Finding] {
        var findings: [Finding] = []
        let now = wall - elapsed
        if let difference, abs(now - difference) > Self.tolerance {
            findings.append(.stepped(now - difference))
            if now - difference > Self.largeStep { distrustedUntil = elapsed + Self.distrust }
            // The step back compensates for it.
            if now < difference { distrustedUntil = nil }
        }
        difference = now
        let wasAhead = ahead > 0
        ahead = newest > wall && newest - wall > Self.tolerance ? newest - wall : 0
        if ahead > 0, !wasAhead { findings.append(.ahead(ahead)) }
        if ahead == 0, wasAhead { findings.append(.caughtUp) }
        return findings
    }
}

extension ClockWatch.Finding {
    var text: String {
        switch self {
        case .ahead(let microseconds):
            """
            the newest message is \(seconds(microseconds)) seconds ahead of this clock: one of the two was or is wrong. \
            Messages keep their order; those with a time in the future are left out of seeks by time
            """
        case .caughtUp: "no message is ahead of the clock any more"
        case .stepped(let microseconds):
            "the clock was set \(microseconds > 0 ? "forward" : "back") by \(seconds(abs(microseconds))) seconds"
                + (microseconds > ClockWatch.largeStep
                    ? "; no message is dropped for its age for the next \(ClockWatch.distrust / 60_000_000) minutes"
                    : "")
        }
    }

    private func seconds(_ microseconds: Int64) -> String { "\((microseconds + 500_000) / 1_000_000)" }
}
