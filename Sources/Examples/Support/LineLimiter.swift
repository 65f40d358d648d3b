import Synchronization

/// Limits how often one message is logged as a warning or an error: twenty times at once, then every ten seconds.
///
/// Without it, what fails every second, or with every message, would push all other lines out of a log.
final class LineLimiter: Sendable {
    private static let maxMessages = 256

    private let now: @Sendable () -> ContinuousClock.Instant
    private let limits = Mutex<[String: LineLimit]>([:])

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }

    /// Returns the number of equal messages that were omitted before this one; `nil` if this one is omitted.
    func admit(_ message: String) -> Int? {
        let now = now()
        return limits.withLock { limits in
            // Messages that contain what changes each time do not repeat, and must not enlarge the table either.
            if limits[message] == nil, limits.count >= Self.maxMessages {
                limits = limits.filter { $0.value.suppressed > 0 }
            }
            if limits[message] == nil, limits.count >= Self.maxMessages { return 0 }
            return limits[message, default: LineLimit(since: now)].admit(at: now)
        }
    }

    /// Returns the messages of which some were omitted and not yet counted in a line.
    func takeSuppressed() -> [(message: String, count: Int)] {
        limits.withLock { limits in
            defer { limits = [:] }
            return limits.filter { $0.value.suppressed > 0 }.map { ($0.key, $0.value.suppressed) }.sorted {
                $0.0 < $1.0
            }
        }
    }
}

private struct LineLimit {
    private static let burst = 20
    private static let interval = Duration.seconds(10)

    private var tokens = LineLimit.burst
    /// When the last token was added.
    private var refilled: ContinuousClock.Instant
    private(set) var suppressed = 0

    init(since now: ContinuousClock.Instant) { refilled = now }

    mutating func admit(at now: ContinuousClock.Instant) -> Int? {
        let gained = max(0, (now - refilled) / Self.interval).rounded(.down)
        tokens = min(Self.burst, tokens + Int(min(gained, Double(Self.burst))))
        refilled = tokens == Self.burst ? now : refilled + Self.interval * gained
        guard tokens > 0 else {
            suppressed += 1
            return nil
        }
        tokens -= 1
        defer { suppressed = 0 }
        return suppressed
    }
}
