/// The time to wait before the next attempt: doubled each time, and randomised so that clients do not retry in step.
public struct Backoff: Sendable, Hashable {
    /// The upper bound of the first wait.
    public var first: Duration
    /// The longest wait, unless the other side asks for a longer one.
    public var longest: Duration
    /// The number of attempts so far.
    public private(set) var attempt = 0

    /// Creates waits from `first` to `longest`.
    public init(first: Duration = .milliseconds(200), longest: Duration = .seconds(30)) {
        self.first = first
        self.longest = longest
    }

    /// Returns the wait before the next attempt: between half and all of `first · 2^attempt`, at most `longest`, but
    /// never shorter than what the other side asked for.
    public mutating func next(
        atLeast asked: Duration? = nil, using random: inout some RandomNumberGenerator
    ) -> Duration {
        // 2^30 times any sensible first wait is longer than the longest.
        let full = min(first.boundedWait * (1 << min(attempt, 30)), longest.boundedWait)
        attempt += 1
        let wait = full * Double.random(in: 0.5...1, using: &random)
        return max(wait, asked ?? .zero)
    }

    /// Like ``next(atLeast:using:)``, with the system's random numbers.
    public mutating func next(atLeast asked: Duration? = nil) -> Duration {
        var random = SystemRandomNumberGenerator()
        return next(atLeast: asked, using: &random)
    }

    /// Starts again with the first wait, after a successful attempt.
    public mutating func reset() { attempt = 0 }
}
