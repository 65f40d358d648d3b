import TelemetryModels
import TelemetryNet

/// What time it is and how to wait: the system's, or a test's.
public struct PipelineClock: Sendable {
    /// The time that samples are stamped with.
    public var wall: @Sendable () -> Timestamp
    /// Time since any fixed moment, which never goes back.
    public var monotonic: @Sendable () -> Duration
    /// Throws only where the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void

    /// A clock of these functions, for tests.
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
