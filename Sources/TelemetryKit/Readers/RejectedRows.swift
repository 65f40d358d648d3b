/// The rows that a source skipped because they were invalid, counted by reason.
public struct RejectedRows: Sendable, Hashable {
    /// The number of rows.
    public var count = 0
    /// The number of rows by reason: the raw value of ``CSVError/Kind``, or of the kind of Prometheus text error.
    public var countsByReason: [String: Int] = [:]
    /// The first few errors, with file, line and reason.
    public var first: [String] = []

    /// Creates an empty count.
    public init() {}

    package init(_ rows: BadRows) {
        count = rows.count
        countsByReason = Dictionary(uniqueKeysWithValues: rows.countsByKind.map { ($0.key.rawValue, $0.value) })
        first = rows.first.map(\.description)
    }
}
