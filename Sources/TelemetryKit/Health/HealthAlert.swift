import TelemetryModels

/// One thing that is wrong with a GPU, by its newest samples.
public struct HealthAlert: Sendable, Hashable {
    /// How bad it is.
    public enum Severity: String, Sendable, Hashable, CaseIterable {
        /// The GPU works and wants attention.
        case warning
        /// The GPU is not to be used until somebody has seen to it.
        case critical
    }

    /// What is wrong. The raw values are those of `/api/v1/alerts?kind=`.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The driver reported an error.
        case xid
        /// Memory has errors that are not corrected, or rows that could not be replaced.
        case ecc
        /// A temperature at or near where the GPU slows down.
        case thermal
        /// No sample of the GPU comes any more.
        case stale
        /// Samples of one metric do not come any more.
        case vanished
        /// A value that no sound device reports.
        case outOfRange = "out_of_range"
    }

    /// How bad it is.
    public var severity: Severity
    /// What is wrong.
    public var kind: Kind
    /// Where.
    public var gpu: GPUIdentity
    /// `nil` where it is not about one metric.
    public var metricName: String?
    /// The value by which it is judged; `nil` where none came.
    public var value: Double?
    /// Of the sample by which it is judged.
    public var timestamp: Timestamp
    /// For people: what was measured, what the bound is, and what to do where that is known.
    public var message: String

    /// An alert with these members.
    public init(
        severity: Severity, kind: Kind, gpu: GPUIdentity, metricName: String? = nil, value: Double? = nil, timestamp: Timestamp,
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
