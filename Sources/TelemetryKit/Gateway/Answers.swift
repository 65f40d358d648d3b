import TelemetryModels
import TelemetryNet

/// The JSON form of answers.
enum Answers {
    static let json = "application/json"

    /// `{"data":[…],"count":n,"total":N}`
    ///
    /// - Parameter further: writes members after these: `,"name":…`.
    static func list<Element>(
        _ page: Page<Element>, _ gateway: GatewayCore, further: (inout ByteWriter) -> Void = { _ in },
        _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
    ) throws -> HTTPResponse {
        var tail = ByteWriter()
        tail.append("],\"count\":")
        tail.appendDecimal(page.items.count)
        tail.append(",\"total\":")
        tail.appendDecimal(page.total)
        further(&tail)
        tail.append("}")
        return try PiecedBody(page.items, head: Array("{\"data\":[".utf8), tail: tail.bytes) { append }
            .response(limit: gateway.configuration.maxResponseBytes, workers: gateway.workers)
    }

    /// - Parameter capacity: about how many bytes it will have.
    static func object(capacity: Int = 1024, _ append: (inout ByteWriter) -> Void) -> HTTPResponse {
        var out = ByteWriter(capacity: capacity)
        append(&out)
        return HTTPResponse(contentType: json, out.bytes)
    }
}

/// An answer that changes with the program alone, made once.
struct FixedAnswer: Sendable {
    private let headers: [(name: String, value: String)]
    private let bytes: [UInt8]

    init(_ contentType: String, _ bytes: [UInt8], further: [(name: String, value: String)] = []) {
        self.bytes = bytes
        let hash = bytes.withUnsafeBytes { StableHash.hash($0, seed: 0) }
        // Asked for again at every use, and answered by 304: what a newer program says is never mixed with what an older one said.
        headers = [("Content-Type", contentType), ("Cache-Control", "no-cache"), ("ETag", "\"\(String(hash, radix: 16))\"")] + further
    }

    var response: HTTPResponse { HTTPResponse(headers: headers, body: .bytes(bytes)) }
}
