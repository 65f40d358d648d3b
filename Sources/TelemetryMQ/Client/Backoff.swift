/// Waiting times between attempts: each twice the one before, up to a limit, and each shortened at random by up to a half,
/// so that many clients of one server do not return together.
struct Backoff: Sendable {
    private let initial: Duration
    private let limit: Duration
    private var next: Duration

    init(initial: Duration, limit: Duration) {
        self.initial = initial
        self.limit = max(initial, limit)
        next = initial
    }

    /// `random`: 0 up to 1.
    mutating func delay(random: Double = .random(in: 0..<1)) -> Duration {
        defer { next = min(next * 2, limit) }
        return next * (1 - random / 2)
    }

    mutating func reset() { next = initial }
}
