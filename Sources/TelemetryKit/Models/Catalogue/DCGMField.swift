/// The meaning of one metric of DCGM or of its exporter, so that a value can be displayed with its unit, evaluated and
/// compared.
///
/// All names of a field have one unit. DCGM 4.7 added new fields, with ids of their own, for quantities that it now
/// also reports in base units: `DCGM_FI_DEV_SM_CLOCK` (100) is in MHz, `DCGM_FI_DEV_SM_CLOCK_HERTZ` (1603) in Hz.
public struct DCGMField: Sendable, Hashable {
    /// The subject of a field.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// As the name says.
        case clock, thermal, power, utilisation, memory, violation, error, profiling, link
        /// Identity, configuration and state.
        case device
    }

    /// The type that DCGM uses for the value, which determines how it marks a missing value.
    public enum ValueType: String, Sendable, Hashable, CaseIterable {
        /// A number, stored as this type.
        case int64, double
        /// Text or bytes: exporters export it as a label, never as a sample.
        case text
    }

    /// The relation between successive values of the field, in Prometheus' terms.
    public enum MetricType: String, Sendable, Hashable, CaseIterable {
        /// May increase and decrease.
        case gauge
        /// Only increases, and restarts with the driver or the exporter.
        case counter
    }

    /// DCGM's id of the field; `nil` for a metric that the exporter calculates itself (`DCGM_EXP_…`).
    public let id: UInt16?
    /// DCGM's newest name, of version 4.6 or, if that renamed it again, 4.7.
    public let name: String
    /// Its other names: earlier ones, DCGM's oldest first, then those of exporters before 2.0 (`dcgm_…`).
    public let aliases: [String]
    /// The subject of the field.
    public let kind: Kind
    /// The type that DCGM uses.
    public let valueType: ValueType
    /// Whether it is a gauge or a counter.
    public let metricType: MetricType
    /// The unit for display: `MHz`, `°C`, `W`, `%`, `MiB`, `ns`; empty for counts, ratios of 0 to 1, states and masks.
    public let unit: String
    /// The values that a working device can report; others are flagged, and still delivered.
    public let validRange: ClosedRange<Double>
    /// A description in one line.
    public let meaning: String

    /// Creates a field, for a catalogue of one's own.
    public init(
        id: UInt16?, name: String, aliases: [String] = [], kind: Kind, valueType: ValueType = .int64,
        metricType: MetricType = .gauge,
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

    /// The name before DCGM 4.6, which exporters up to 4.8 use; ``name`` if it never had another.
    public var legacyName: String { aliases.first { $0.hasPrefix("DCGM_") } ?? name }

    /// The valid range for display: `0 to 150 °C`, `0 and up`.
    public var rangeDescription: String {
        let unit = unit.isEmpty ? "" : " " + unit
        if validRange.lowerBound == -.greatestFiniteMagnitude { return "any" }
        let low = DCGMField.shown(validRange.lowerBound)
        if validRange.upperBound == .greatestFiniteMagnitude { return "\(low)\(unit) and up" }
        return "\(low) to \(DCGMField.shown(validRange.upperBound))\(unit)"
    }

    /// Without the `.0` of an integer.
    package static func shown(_ value: Double) -> String {
        Int64(exactly: value).map(String.init) ?? "\(value)"
    }
}

/// The metrics of DCGM and its exporter that this library knows, by id and by any of their names. Created at the first
/// look-up.
public enum DCGMCatalogue {
    /// Ordered by id; fields without one come last.
    public static let fields: [DCGMField] = DCGMFieldTable.all

    /// The field with a name, old or new. `O(1)`; look it up once per series, not once per sample.
    public static func field(named name: String) -> DCGMField? { byName[name].map { fields[$0] } }

    /// The field with DCGM's id; `nil` if there is none.
    public static func field(id: UInt16) -> DCGMField? { byID[id].map { fields[$0] } }

    private static let byID = Dictionary(
        fields.enumerated().compactMap { index, field in field.id.map { ($0, index) } },
        uniquingKeysWith: { first, _ in first })
    private static let byName = Dictionary(
        fields.enumerated().flatMap { index, field in ([field.name] + field.aliases).map { ($0, index) } },
        uniquingKeysWith: { first, _ in first })
}
