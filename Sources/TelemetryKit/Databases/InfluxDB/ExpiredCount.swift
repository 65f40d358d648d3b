import Synchronization
import TelemetryBase

/// Counts samples that a database did not store because of their age.
final class ExpiredCount: Sendable {
    private let samples = Mutex(0)

    var count: Int { samples.withLock { $0 } }

    /// - Parameter added: The count that a database reports, which may be any number.
    func add(_ added: Int) { samples.withLock { $0 = $0.addingClamped(max(0, added)) } }
}
