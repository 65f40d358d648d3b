import TelemetryModels
import TelemetryNet

/// What the metrics mean: facts of the program, the same at every time.
enum CatalogueRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/catalogue", operationID: "listFields",
            summary: "The metrics of DCGM and its exporter, with units, ranges and meaning.", tag: "catalogue",
            answers: Routes.json("FieldList"), needsToken: true, isFixed: true
        ) { _ in fields.response },
        Route(
            path: "/api/v1/catalogue/xid", operationID: "listXIDs", summary: "The Xid errors, with severity and recommended action.",
            tag: "catalogue", answers: Routes.json("XIDList"), needsToken: true, isFixed: true
        ) { _ in xids.response },
    ]

    private static let fields = list(DCGMCatalogue.fields) { out, field in
        out.append("{\"id\":")
        if let id = field.id { out.appendDecimal(Int(id)) } else { out.append("null") }
        out.append(",\"name\":")
        out.appendJSONString(field.name)
        out.append(",\"aliases\":")
        out.appendList(field.aliases) { $0.appendJSONString($1) }
        out.append(",\"kind\":\"")
        out.append(field.kind.rawValue)
        out.append("\",\"unit\":")
        out.appendJSONString(field.unit)
        out.append(",\"type\":\"")
        out.append(field.metricType.rawValue)
        out.append("\",\"value_type\":\"")
        out.append(field.valueType.rawValue)
        out.append("\",\"minimum\":")
        out.appendBound(field.validRange.lowerBound)
        out.append(",\"maximum\":")
        out.appendBound(field.validRange.upperBound)
        out.append(",\"meaning\":")
        out.appendJSONString(field.meaning)
        out.append("}")
    }

    private static let xids = list(XIDError.all) { out, error in
        out.append("{\"code\":")
        out.appendDecimal(error.code)
        out.append(",\"mnemonic\":")
        out.appendJSONString(error.mnemonic)
        out.append(",\"meaning\":")
        out.appendJSONString(error.meaning)
        out.append(",\"severity\":\"")
        out.append(error.severity.rawValue)
        out.append("\",\"action\":")
        out.appendJSONString(error.action.rawValue)
        out.append("}")
    }

    private static func list<Element>(_ items: [Element], _ append: (inout ByteWriter, Element) -> Void) -> FixedAnswer {
        var out = ByteWriter(capacity: 64 * 1024)
        out.append("{\"data\":")
        out.appendList(items, append)
        out.append(",\"count\":\(items.count),\"total\":\(items.count)}")
        return FixedAnswer(Answers.json, out.bytes)
    }
}

extension ByteWriter {
    /// `null` where a field has no bound.
    fileprivate mutating func appendBound(_ value: Double) {
        if value.magnitude == .greatestFiniteMagnitude { append("null") } else { appendDouble(value) }
    }
}
