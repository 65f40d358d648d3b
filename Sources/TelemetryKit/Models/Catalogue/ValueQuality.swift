/// How many values of a source were none, and how many cannot be true.
public struct ValueQuality: Sendable, Hashable {
    /// Rows that say that there is no value; they give no sample.
    public private(set) var noValues: [NoValueReason: Int] = [:]
    /// Samples outside their field's valid range, by the metric's name; they are delivered.
    public private(set) var outOfRange: [String: Int] = [:]
    /// The first few out of range, for a person to look at.
    public private(set) var firstOutOfRange: [String] = []

    /// As many as ``firstOutOfRange`` keeps.
    public static let kept = 8

    /// Nothing seen.
    public init() {}

    /// Rows without a value, of all reasons.
    public var noValueCount: Int { noValues.values.reduce(0, +) }
    /// Samples out of range, of all metrics.
    public var outOfRangeCount: Int { outOfRange.values.reduce(0, +) }

    /// Counts one row that says that it has no value.
    public mutating func add(noValue reason: NoValueReason) { noValues[reason, default: 0] += 1 }

    /// `place` says where the value stands: file and line, or the scraped address. It is asked for only where it is kept.
    public mutating func add(outOfRange value: Double, of metricName: String, at place: @autoclosure () -> String) {
        outOfRange[metricName, default: 0] += 1
        guard firstOutOfRange.count < ValueQuality.kept else { return }
        var text = "\(place()): \(metricName) is \(DCGMField.shown(value))"
        if let field = DCGMCatalogue.field(named: metricName) { text += ", not \(field.rangeDescription)" }
        firstOutOfRange.append(text)
    }

    /// Counts those of another source as well.
    public mutating func add(_ other: ValueQuality) {
        noValues.merge(other.noValues, uniquingKeysWith: +)
        outOfRange.merge(other.outOfRange, uniquingKeysWith: +)
        firstOutOfRange += other.firstOutOfRange.prefix(ValueQuality.kept - firstOutOfRange.count)
    }
}
