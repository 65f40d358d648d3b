import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// Makes the gateway's JSON responses.
enum Responses {
    static let json = "application/json"

    /// `{"data":[…],"count":n,"total":N}`
    ///
    /// - Parameter further: writes members after these.
    static func list<Element>(
        _ page: Page<Element>, _ gateway: GatewayCore, further: (inout JSONWriter<ByteWriter>) -> Void = { _ in },
        _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
    ) throws -> HTTPResponse {
        let body = PiecedBody(page.items) { json, elements in
            json.object {
                $0.array("data", elements)
                $0.member("count", page.items.count)
                $0.member("total", page.total)
                further(&$0)
            }
        } makeWriter: {
            append
        }
        return try body.response(limit: gateway.configuration.maxResponseBytes, workers: gateway.workers)
    }

    /// - Parameter capacity: about how many bytes it will have.
    static func object(
        capacity: Int = 1024, status: Int = 200, _ members: (inout JSONWriter<ByteWriter>) -> Void
    ) -> HTTPResponse {
        HTTPResponse(
            status: status, contentType: json, ByteWriter.json(capacity: capacity) { json in json.object(members) })
    }
}

/// A response that changes with the program alone, made once.
struct FixedResponse: Sendable {
    private let headers: [(name: String, value: String)]
    private let bytes: [UInt8]

    init(_ contentType: String, _ bytes: [UInt8], further: [(name: String, value: String)] = []) {
        self.bytes = bytes
        let hash = bytes.withUnsafeBytes { StableHash.hash($0, seed: 0) }
        // Browsers ask at every use and get 304, so files of a newer program are never mixed with those of an older one.
        headers =
            [("Content-Type", contentType), ("Cache-Control", "no-cache"), ("ETag", "\"\(String(hash, radix: 16))\"")]
            + further
    }

    var response: HTTPResponse { HTTPResponse(headers: headers, body: .bytes(bytes)) }
}
