import TelemetryBase
import TelemetryModels

/// A source of time and of waits: the system's, or a test's.
public struct PipelineClock: Sendable {
    /// The time used to stamp samples.
    public var wall: @Sendable () -> Timestamp
    /// The time since any fixed moment, which never decreases.
    public var monotonic: @Sendable () -> Duration
    /// Throws only if the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void

    /// Creates a clock from these functions, for tests.
    public init(
        wall: @escaping @Sendable () -> Timestamp, monotonic: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.wall = wall
        self.monotonic = monotonic
        self.sleep = sleep
    }

    /// The system's clocks.
    public static let system: PipelineClock = {
        let start = ContinuousClock.now
        return PipelineClock(
            wall: { Timestamp.now }, monotonic: { ContinuousClock.now - start },
            sleep: { try await Task.sleep(for: $0.boundedWait, clock: .continuous) })
    }()
}
