/// A promise of ``TelemetryStore`` that a store did not keep.
public struct StoreViolation: Error, Sendable, Hashable, CustomStringConvertible {
    /// In words: `samples come in the order of time, metric name, uuid`.
    public var promise: String
    /// The call, and what was written before where that is not the usual.
    public var asked: String
    /// What came, cut where it is long: of lists the first element that is wrong.
    public var answer: String
    /// What the model answers.
    public var expected: String

    public var description: String { "\(promise)\n  asked: \(asked)\n  answer: \(answer)\n  expected: \(expected)" }
}
