import TelemetryNet

/// The JSON form of answers.
enum Answers {
    /// `{"data":[…],"count":n,"total":N}`
    static func list<Element>(_ page: Page<Element>, _ append: (inout ByteWriter, Element) -> Void) -> HTTPResponse {
        object { out in
            out.append("{\"data\":[")
            for (index, item) in page.items.enumerated() {
                if index > 0 { out.append(",") }
                append(&out, item)
            }
            out.append("],\"count\":")
            out.appendDecimal(page.items.count)
            out.append(",\"total\":")
            out.appendDecimal(page.total)
            out.append("}")
        }
    }

    static func object(_ append: (inout ByteWriter) -> Void) -> HTTPResponse {
        var out = ByteWriter(capacity: 1024)
        append(&out)
        return HTTPResponse(contentType: "application/json", out.bytes)
    }
}
