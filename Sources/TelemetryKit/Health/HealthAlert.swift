import TelemetryModels

/// One problem of a GPU, according to its newest samples.
public struct HealthAlert: Sendable, Hashable {
    /// The severity of an alert.
    public enum Severity: String, Sendable, Hashable, CaseIterable {
        /// The GPU works but requires attention.
        case warning
        /// The GPU must not be used until an operator has intervened.
        case critical
    }

    /// The kind of problem. The raw values are those of `/api/v1/alerts?kind=`.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The driver reported an error.
        case xid
        /// Memory has uncorrected errors, or rows that could not be remapped.
        case ecc
        /// A temperature at or near the GPU's slowdown threshold.
        case thermal
        /// The GPU no longer delivers samples.
        case stale
        /// One metric no longer has new samples.
        case vanished
        /// A value that no working device reports.
        case outOfRange = "out_of_range"
    }

    /// The severity.
    public var severity: Severity
    /// The kind of problem.
    public var kind: Kind
    /// The GPU.
    public var gpu: GPUIdentity
    /// The metric; `nil` if the problem does not concern one metric.
    public var metricName: String?
    /// The value that was evaluated; `nil` if there was none.
    public var value: Double?
    /// The time of the sample that was evaluated.
    public var timestamp: Timestamp
    /// A description for people: the measured value, the limit, and the recommended action if it is known.
    public var message: String

    /// Creates an alert.
    public init(
        severity: Severity, kind: Kind, gpu: GPUIdentity, metricName: String? = nil, value: Double? = nil,
        timestamp: Timestamp,
        message: String
    ) {
        self.severity = severity
        self.kind = kind
        self.gpu = gpu
        self.metricName = metricName
        self.value = value
        self.timestamp = timestamp
        self.message = message
    }
}
