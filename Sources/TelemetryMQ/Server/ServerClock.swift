import Glibc

/// What time it is for a server: the system's clocks, or a test's.
package struct ServerClock: Sendable {
    /// Microseconds since 1970.
    package var wall: @Sendable () -> Int64
    /// Microseconds since any fixed moment, also those in which the machine was suspended; nobody can set it.
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

/// What a server makes of its clock: a value, told the time about once a second.
///
/// Nobody can say which clock was right. So the order of messages is that of their offsets, each has the time of its
/// clock, and what does not fit is reported.
struct ClockWatch: Sendable {
    /// Microseconds by which a clock is set, or differs, without that being worth a word; a step back of that size is
    /// bridged.
    static let tolerance: Int64 = 1_000_000
    /// A step forward of more than this makes messages look old that are not.
    static let largeStep: Int64 = 60_000_000
    /// For this long after a large step forward no message is dropped for its age.
    static let distrust: Int64 = 600_000_000

    enum Finding: Equatable {
        /// The newest time in the log is ahead of the clock by this number of microseconds.
        case ahead(Int64)
        /// It no longer is.
        case caughtUp
        /// Somebody set the clock, forward or back, by this number of microseconds.
        case stepped(Int64)
    }

    /// Microseconds that the newest time in the log is ahead of the clock; 0 if it is not.
    private(set) var ahead: Int64 = 0
    private var difference: Int64?
    private var distrustedUntil: Int64?

    /// The time for a message that is stored now, after one with the time `last`. Times decrease only if the clock was
    /// set back by more than ``tolerance``.
    static func stamp(wall: Int64, last: Int64) -> Int64 {
        wall < last && last - wall <= tolerance ? last : wall
    }

    /// Whether messages may be dropped for their age.
    func isTrusted(elapsed: Int64) -> Bool { distrustedUntil.map { elapsed >= $0 } ?? true }

    /// - Parameter newest: the latest time in the log.
    mutating func look(wall: Int64, elapsed: Int64, newest: Int64) -> [Finding] {
        var findings: [Finding] = []
        let now = wall - elapsed
        if let difference, abs(now - difference) > Self.tolerance {
            findings.append(.stepped(now - difference))
            if now - difference > Self.largeStep { distrustedUntil = elapsed + Self.distrust }
            // The way back makes up for it.
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
