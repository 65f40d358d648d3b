import TelemetryHTTP
import TelemetryModels

/// The meaning of metrics and errors: facts of the program, which do not change.
enum CatalogueRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/catalogue", operationID: "listFields",
            summary: "The metrics of DCGM and its exporter, with units, ranges and meaning.", tag: "catalogue",
            responses: [.json(Shapes.fieldList)], requiresToken: true, isFixed: true
        ) { _ in fields.response },
        Route(
            path: "/api/v1/catalogue/xid", operationID: "listXIDs",
            summary: "The Xid errors, with severity and recommended action.",
            tag: "catalogue", responses: [.json(Shapes.xidList)], requiresToken: true, isFixed: true
        ) { _ in xids.response },
    ]

    private static let fields = list(DCGMCatalogue.fields, as: Shapes.fieldList)
    private static let xids = list(XIDError.all, as: Shapes.xidList)

    private static func list<Element>(_ items: [Element], as shape: ListShape<Element, ListCounts>) -> FixedResponse {
        FixedResponse(HTTPResponse.json, shape.bytes(of: items, ListCounts(count: items.count, total: items.count)))
    }
}
