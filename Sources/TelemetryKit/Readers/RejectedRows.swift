/// The rows that a source passed over because of their form, counted by reason.
public struct RejectedRows: Sendable, Hashable {
    /// How many.
    public var count = 0
    /// In the words of ``CSVError/Kind``, or of the reader of the Prometheus text format.
    public var countsByReason: [String: Int] = [:]
    /// The first few, with file, line and reason.
    public var first: [String] = []

    /// None.
    public init() {}

    package init(_ rows: BadRows) {
        count = rows.count
        countsByReason = Dictionary(uniqueKeysWithValues: rows.countsByKind.map { ($0.key.rawValue, $0.value) })
        first = rows.first.map(\.description)
    }
}
