/// The number of missing values and of implausible values of a source.
public struct ValueQuality: Sendable, Hashable {
    /// Rows that state that there is no value; they yield no sample.
    public private(set) var noValues: [NoValueReason: Int] = [:]
    /// Samples outside their field's valid range, by metric name; they are delivered.
    public private(set) var outOfRange: [String: Int] = [:]
    /// The first few out of range, for a person to inspect.
    public private(set) var firstOutOfRange: [String] = []

    /// The maximum number of samples in ``firstOutOfRange``.
    public static let kept = 8

    /// Creates an empty count.
    public init() {}

    /// The number of rows without a value, for all reasons.
    public var noValueCount: Int { noValues.values.reduce(0, +) }
    /// The number of samples out of range, of all metrics.
    public var outOfRangeCount: Int { outOfRange.values.reduce(0, +) }

    /// Counts a row without a value.
    public mutating func add(noValue reason: NoValueReason) { noValues[reason, default: 0] += 1 }

    /// `place` describes the location of the value: file and line, or the scraped address. It is evaluated only if it
    /// is stored.
    public mutating func add(outOfRange value: Double, of metricName: String, at place: @autoclosure () -> String) {
        outOfRange[metricName, default: 0] += 1
        guard firstOutOfRange.count < ValueQuality.kept else { return }
        var text = "\(place()): \(metricName) is \(DCGMField.shown(value))"
        if let field = DCGMCatalogue.field(named: metricName) { text += ", not \(field.rangeDescription)" }
        firstOutOfRange.append(text)
    }

    /// Adds the counts of another source.
    public mutating func add(_ other: ValueQuality) {
        noValues.merge(other.noValues, uniquingKeysWith: +)
        outOfRange.merge(other.outOfRange, uniquingKeysWith: +)
        firstOutOfRange += other.firstOutOfRange.prefix(ValueQuality.kept - firstOutOfRange.count)
    }
}
