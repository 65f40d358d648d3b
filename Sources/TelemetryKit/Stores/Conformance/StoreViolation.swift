/// A rule of ``TelemetryStore`` that a store violated.
public struct StoreViolation: Error, Sendable, Hashable, CustomStringConvertible {
    /// A description of the rule: `samples come in the order of time, metric name, uuid`.
    public var promise: String
    /// The call, and the preceding writes if they are unusual.
    public var asked: String
    /// The result, truncated if it is long: of lists the first element that is wrong.
    public var answer: String
    /// The model's result.
    public var expected: String

    public var description: String { "\(promise)\n  asked: \(asked)\n  answer: \(answer)\n  expected: \(expected)" }
}
