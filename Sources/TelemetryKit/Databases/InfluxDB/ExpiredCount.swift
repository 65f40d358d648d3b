import Synchronization
import TelemetryNet

/// Counts samples that a database did not keep for their age.
final class ExpiredCount: Sendable {
    private let samples = Mutex(0)

    var count: Int { samples.withLock { $0 } }

    /// - Parameter added: what a database reports, which may be any number.
    func add(_ added: Int) { samples.withLock { $0 = $0.addingClamped(max(0, added)) } }
}
