/// The rows of the catalogue, one file per kind.
///
/// Ids, names, units and types are facts of DCGM 4.6 and 4.7 (dcgm_fields.h, dcgm_fields.cpp) and of dcgm-exporter's
/// collector files; Docs/Fields.md names the versions. The valid ranges are ours: wide enough for the next generation
/// of devices, narrow enough to detect a wrong unit or a blank value.
enum DCGMFieldTable {
    static let all: [DCGMField] = [
        clock, thermal, power, utilisation, memory, violation, error, profiling, link, nvlink, nvswitch, device,
        exporter,
    ].flatMap { $0 }.sorted { ($0.id ?? .max, $0.name) < ($1.id ?? .max, $1.name) }

    typealias Kind = DCGMField.Kind
    typealias Range = ClosedRange<Double>

    static let anyNumber = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    static let zeroAndUp = 0...Double.greatestFiniteMagnitude
    static let flag: Range = 0...1
    static let ratio: Range = 0...1
    static let percent: Range = 0...100
    /// 4 TiB.
    static let mebibytes: Range = 0...4_194_304
    static let bytes: Range = 0...4_398_046_511_104

    /// Names are given without `DCGM_FI_`; a name that begins with `dcgm_` or `DCGM_EXP_` is complete.
    static func gauge(
        _ kind: Kind, _ id: UInt16?, _ name: String, was: [String] = [], in unit: String = "", _ range: Range,
        as type: DCGMField.ValueType = .int64, _ meaning: String
    ) -> DCGMField {
        DCGMField(
            id: id, name: whole(name), aliases: was.map(whole), kind: kind, valueType: type, unit: unit,
            validRange: range,
            meaning: meaning)
    }

    static func counter(
        _ kind: Kind, _ id: UInt16?, _ name: String, was: [String] = [], in unit: String = "",
        as type: DCGMField.ValueType = .int64, _ meaning: String
    ) -> DCGMField {
        DCGMField(
            id: id, name: whole(name), aliases: was.map(whole), kind: kind, valueType: type, metricType: .counter,
            unit: unit,
            meaning: meaning)
    }

    /// Fields whose names differ only in a number, `#`: of lanes, engines and bins.
    static func indexed(_ ids: [UInt16], _ make: (_ id: UInt16, _ named: (String) -> String) -> DCGMField)
        -> [DCGMField]
    {
        ids.enumerated().map { index, id in
            make(id) { template in
                let place = template.utf8.firstIndex(of: UInt8(ascii: "#"))!
                return template[..<place] + String(index) + template[template.utf8.index(after: place)...]
            }
        }
    }

    private static func whole(_ name: String) -> String {
        name.hasPrefix("dcgm_") || name.hasPrefix("DCGM_EXP_") ? name : "DCGM_FI_" + name
    }
}
