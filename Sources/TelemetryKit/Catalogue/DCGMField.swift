/// What one DCGM field measures, so that a number can be shown with its unit, judged and compared.
public struct DCGMField: Sendable, Hashable, Identifiable {
    /// What the field is about.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case clock, thermal, power, utilisation, memory, violation, error, profiling, link
        /// Identity, configuration and state.
        case device
    }

    /// How DCGM holds the value, which decides how it says that there is none.
    public enum ValueType: String, Sendable, Hashable, CaseIterable {
        case int64, double
        /// Text or bytes: never a sample.
        case text
    }

    public enum MetricType: String, Sendable, Hashable, CaseIterable {
        case gauge
        /// Only rises, and begins anew with the driver.
        case counter
    }

    /// DCGM's number of the field.
    public let id: UInt16
    /// The name since DCGM 4.6.
    public let name: String
    /// The names before that, and those that exporters use for it.
    public let aliases: [String]
    public let kind: Kind
    public let valueType: ValueType
    public let metricType: MetricType
    /// As people write it: `MHz`, `°C`, `W`, `%`, `MiB`, `ns`; empty for a plain number.
    public let unit: String
    /// What a sound device can report; values outside are flagged, and still delivered.
    public let validRange: ClosedRange<Double>
    /// One line.
    public let meaning: String

    public init(
        id: UInt16, name: String, aliases: [String] = [], kind: Kind, valueType: ValueType = .int64, metricType: MetricType = .gauge,
        unit: String = "", validRange: ClosedRange<Double> = 0...Double.greatestFiniteMagnitude, meaning: String
    ) {
        self.id = id
        self.name = name
        self.aliases = aliases
        self.kind = kind
        self.valueType = valueType
        self.metricType = metricType
        self.unit = unit
        self.validRange = validRange
        self.meaning = meaning
    }
}

/// The DCGM fields that this library knows, by number and by any of their names.
public enum DCGMCatalogue {
    /// In the order of their numbers.
    public static let fields: [DCGMField] = DCGMFieldTable.all

    /// The field of a name, old or new.
    public static func field(named name: String) -> DCGMField? { byName[name] }

    public static func field(id: UInt16) -> DCGMField? { byID[id] }

    private static let byID = Dictionary(fields.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    private static let byName = Dictionary(
        fields.flatMap { field in ([field.name] + field.aliases).map { ($0, field) } }, uniquingKeysWith: { first, _ in first })
}
