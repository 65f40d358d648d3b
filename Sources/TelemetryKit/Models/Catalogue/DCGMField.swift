/// What one metric of DCGM or of its exporter measures, so that a number can be shown with its unit, judged and compared.
///
/// All names of a field have one unit. DCGM 4.7 gave new fields, with numbers of their own, to quantities that it now also tells in base
/// units: `DCGM_FI_DEV_SM_CLOCK` (100) is in MHz, `DCGM_FI_DEV_SM_CLOCK_HERTZ` (1603) in Hz.
public struct DCGMField: Sendable, Hashable {
    /// What the field is about.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// What the name says.
        case clock, thermal, power, utilisation, memory, violation, error, profiling, link
        /// Identity, configuration and state.
        case device
    }

    /// How DCGM holds the value, which decides how it says that there is none.
    public enum ValueType: String, Sendable, Hashable, CaseIterable {
        /// A number, held as this type.
        case int64, double
        /// Text or bytes: exporters make a label of it, never a sample.
        case text
    }

    /// How values of the field follow each other, in Prometheus' words.
    public enum MetricType: String, Sendable, Hashable, CaseIterable {
        /// Goes up and down.
        case gauge
        /// Only rises, and begins anew with the driver or the exporter.
        case counter
    }

    /// DCGM's number of the field; `nil` for a metric that the exporter makes itself (`DCGM_EXP_…`).
    public let id: UInt16?
    /// DCGM's newest name, of version 4.6 or, where that renamed it again, 4.7.
    public let name: String
    /// Its other names: those before that, the oldest first of DCGM's and then those of exporters before 2.0 (`dcgm_…`).
    public let aliases: [String]
    /// What the field is about.
    public let kind: Kind
    /// How DCGM holds it.
    public let valueType: ValueType
    /// Whether it may fall.
    public let metricType: MetricType
    /// As people write it: `MHz`, `°C`, `W`, `%`, `MiB`, `ns`; empty for counts, ratios of 0 to 1, states and masks.
    public let unit: String
    /// What a sound device can report; values outside are flagged, and still delivered.
    public let validRange: ClosedRange<Double>
    /// One line.
    public let meaning: String

    /// A field with these members, for a catalogue of one's own.
    public init(
        id: UInt16?, name: String, aliases: [String] = [], kind: Kind, valueType: ValueType = .int64, metricType: MetricType = .gauge,
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

    /// The name before DCGM 4.6, which exporters up to 4.8 write; ``name`` where it was never another.
    public var legacyName: String { aliases.first { $0.hasPrefix("DCGM_") } ?? name }

    /// The valid range for people: `0 to 150 °C`, `0 and up`.
    public var rangeDescription: String {
        let unit = unit.isEmpty ? "" : " " + unit
        if validRange.lowerBound == -.greatestFiniteMagnitude { return "any" }
        let low = DCGMField.shown(validRange.lowerBound)
        if validRange.upperBound == .greatestFiniteMagnitude { return "\(low)\(unit) and up" }
        return "\(low) to \(DCGMField.shown(validRange.upperBound))\(unit)"
    }

    /// Without the `.0` of a whole number.
    package static func shown(_ value: Double) -> String {
        Int64(exactly: value).map(String.init) ?? "\(value)"
    }
}

/// The metrics of DCGM and its exporter that this library knows, by number and by any of their names. Made at the first look-up.
public enum DCGMCatalogue {
    /// In the order of their numbers; those without a number last.
    public static let fields: [DCGMField] = DCGMFieldTable.all

    /// The field of a name, old or new. `O(1)`; look it up once a series, not once a sample.
    public static func field(named name: String) -> DCGMField? { byName[name].map { fields[$0] } }

    /// The field with DCGM's number; `nil` where there is none.
    public static func field(id: UInt16) -> DCGMField? { byID[id].map { fields[$0] } }

    private static let byID = Dictionary(
        fields.enumerated().compactMap { index, field in field.id.map { ($0, index) } }, uniquingKeysWith: { first, _ in first })
    private static let byName = Dictionary(
        fields.enumerated().flatMap { index, field in ([field.name] + field.aliases).map { ($0, index) } },
        uniquingKeysWith: { first, _ in first })
}
