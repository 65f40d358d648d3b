import TelemetryHTTP
import TelemetryModels

extension Shapes {
    static let fieldList = ListShape("FieldList", of: field)
    static let xidList = ListShape("XIDList", of: xid)

    private static let field = ResponseShape<DCGMField>(
        "Field", example: DCGMCatalogue.field(named: "DCGM_FI_DEV_GPU_TEMP"),
        [
            ResponseMember("id", .count.orNull.described("The number of the field in DCGM.")) { $0.id.map { Int($0) } },
            ResponseMember("name") { $0.name },
            ResponseMember("aliases") { $0.aliases },
            ResponseMember("kind") { $0.kind.rawValue },
            ResponseMember("unit", .text.described("Empty for counts, ratios, states and masks.")) { $0.unit },
            ResponseMember("type") { $0.metricType },
            ResponseMember("value_type") { $0.valueType },
            ResponseMember("minimum") { bound($0.validRange.lowerBound) },
            ResponseMember("maximum") { bound($0.validRange.upperBound) },
            ResponseMember("meaning") { $0.meaning },
        ])

    private static let xid = ResponseShape<XIDError>(
        "XID", example: XIDError.all.first { $0.code == 79 },
        [
            ResponseMember("code", .count) { $0.code },
            ResponseMember("mnemonic") { $0.mnemonic },
            ResponseMember("meaning") { $0.meaning },
            ResponseMember("severity") { $0.severity },
            ResponseMember("action") { $0.action.rawValue },
        ])

    /// `nil` if a field has no bound.
    private static func bound(_ value: Double) -> Double? {
        value.magnitude == .greatestFiniteMagnitude ? nil : value
    }
}
