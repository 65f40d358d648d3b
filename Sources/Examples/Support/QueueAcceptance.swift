/// Whether the queue takes what is published: a value that knows it from what became of the last publish.
///
/// A connection alone proves nothing: a queue whose device is full refuses every publish, and one that hangs answers
/// none.
package struct QueueAcceptance: Sendable {
    /// How long a publish may stay without a response before the queue counts as not accepting.
    package static let patience = Duration.seconds(10)

    private var refusal: (reason: String, since: ContinuousClock.Instant)?
    private var waitingSince: ContinuousClock.Instant?
    /// Publishes that were refused, and tried again.
    package private(set) var refusals = 0

    package init() {}

    /// A publish begins; it may be one that was refused before.
    package mutating func begin(at now: ContinuousClock.Instant = .now) { waitingSince = now }

    /// The publish is stored, or is given up for a reason that is not the queue's state.
    package mutating func finish() {
        waitingSince = nil
        refusal = nil
    }

    /// The publish was refused and will be tried again.
    package mutating func refuse(_ reason: String, at now: ContinuousClock.Instant = .now) {
        refusals += 1
        waitingSince = nil
        refusal = (reason, refusal?.since ?? now)
    }

    /// Why the queue counts as not accepting; `nil` while it does accept.
    package func problem(at now: ContinuousClock.Instant = .now) -> String? {
        if let refusal {
            return "publishes are refused since \(Int((now - refusal.since) / .seconds(1))) s: \(refusal.reason)"
        }
        guard let waitingSince, now - waitingSince > Self.patience else { return nil }
        return "a publish has had no response for \(Int((now - waitingSince) / .seconds(1))) s"
    }
}
