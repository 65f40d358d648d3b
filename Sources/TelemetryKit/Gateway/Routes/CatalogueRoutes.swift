import TelemetryBase
import TelemetryModels

/// What the metrics mean: facts of the program, the same at every time.
enum CatalogueRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/catalogue", operationID: "listFields",
            summary: "The metrics of DCGM and its exporter, with units, ranges and meaning.", tag: "catalogue",
            answers: Routes.json("FieldList"), requiresToken: true, isFixed: true
        ) { _ in fields.response },
        Route(
            path: "/api/v1/catalogue/xid", operationID: "listXIDs",
            summary: "The Xid errors, with severity and recommended action.",
            tag: "catalogue", answers: Routes.json("XIDList"), requiresToken: true, isFixed: true
        ) { _ in xids.response },
    ]

    private static let fields = list(DCGMCatalogue.fields) { json, field in
        json.member("id", field.id.map { Int($0) })
        json.member("name", field.name)
        json.member("aliases", field.aliases)
        json.member("kind", field.kind.rawValue)
        json.member("unit", field.unit)
        json.member("type", field.metricType.rawValue)
        json.member("value_type", field.valueType.rawValue)
        json.member("minimum", bound(field.validRange.lowerBound))
        json.member("maximum", bound(field.validRange.upperBound))
        json.member("meaning", field.meaning)
    }

    private static let xids = list(XIDError.all) { json, error in
        json.member("code", error.code)
        json.member("mnemonic", error.mnemonic)
        json.member("meaning", error.meaning)
        json.member("severity", error.severity.rawValue)
        json.member("action", error.action.rawValue)
    }

    private static func list<Element>(
        _ items: [Element], _ members: (inout JSONWriter<ByteWriter>, Element) -> Void
    ) -> FixedResponse {
        let bytes = ByteWriter.json(capacity: 64 * 1024) { json in
            json.object {
                $0.array("data", of: items) { json, item in json.object { members(&$0, item) } }
                $0.member("count", items.count)
                $0.member("total", items.count)
            }
        }
        return FixedResponse(Responses.json, bytes)
    }

    /// `nil` if a field has no bound.
    private static func bound(_ value: Double) -> Double? {
        value.magnitude == .greatestFiniteMagnitude ? nil : value
    }
}
