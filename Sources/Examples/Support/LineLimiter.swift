import Synchronization
import TelemetryBase

/// Bounds how often one message is logged as a warning or an error: twenty times at once, then every ten seconds.
///
/// What fails every second, or with every message, would else push all other lines out of a log.
final class LineLimiter: Sendable {
    private static let maximumMessages = 256

    private let now: @Sendable () -> ContinuousClock.Instant
    private let limiters = Mutex<[String: ReportLimiter]>([:])

    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) { self.now = now }

    /// The number of equal messages that were left out before this one; `nil` if this one is left out.
    func admit(_ message: String) -> Int? {
        limiters.withLock { limiters in
            // Messages that hold what changes each time are no repetitions; nor must they grow the table.
            if limiters[message] == nil, limiters.count >= Self.maximumMessages {
                limiters = limiters.filter { $0.value.suppressed > 0 }
            }
            if limiters[message] == nil, limiters.count >= Self.maximumMessages { return 0 }
            return limiters[message, default: ReportLimiter(burst: 20, interval: .seconds(10))].admit(at: now())
        }
    }

    /// Messages of which some were left out and not counted in a line yet.
    func takeSuppressed() -> [(message: String, count: Int)] {
        limiters.withLock { limiters in
            defer { limiters = [:] }
            return limiters.filter { $0.value.suppressed > 0 }.map { ($0.key, $0.value.suppressed) }.sorted {
                $0.0 < $1.0
            }
        }
    }
}
