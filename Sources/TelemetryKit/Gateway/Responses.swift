import TelemetryBase
import TelemetryHTTP
import TelemetryModels
import TelemetryStores

/// Makes the gateway's JSON responses.
enum Responses {
    /// A list, in the order of its elements.
    static func list<Element: Sendable>(
        _ page: Page<Element>, as shape: ListShape<Element, ListCounts>, _ gateway: GatewayCore
    ) throws -> HTTPResponse {
        try list(page.items, ListCounts(count: page.items.count, total: page.total), as: shape, gateway)
    }

    /// A list with its details.
    static func list<Element: Sendable, Details>(
        _ elements: [Element], _ details: Details, as shape: ListShape<Element, Details>, _ gateway: GatewayCore
    ) throws -> HTTPResponse {
        try list(elements, details, as: shape, gateway) { shape.writeElement }
    }

    /// - Parameter makeWriter: returns the writer of one element, which writes the same bytes as the shape.
    static func list<Element: Sendable, Details>(
        _ elements: [Element], _ details: Details, as shape: ListShape<Element, Details>, _ gateway: GatewayCore,
        makeWriter: @escaping @Sendable () -> (inout ByteWriter, Element) -> Void
    ) throws -> HTTPResponse {
        let frame = JSONFrame { json, elements in shape.envelope.write(details, to: &json) { $0.array(elements) } }
        return try PiecedBody(elements, in: frame, makeWriter: makeWriter).response(gateway)
    }
}

/// A response that only changes with the version of the program, made once.
struct FixedResponse: Sendable {
    private let headers: [(name: String, value: String)]
    private let bytes: [UInt8]

    init(_ contentType: String, _ bytes: [UInt8], headers further: [(name: String, value: String)] = []) {
        self.bytes = bytes
        let hash = bytes.withUnsafeBytes { StableHash.hash($0, seed: 0) }
        // Browsers revalidate each use and get 304, so files of two versions of the program are never mixed.
        headers =
            [("Content-Type", contentType), ("Cache-Control", "no-cache"), ("ETag", "\"\(String(hash, radix: 16))\"")]
            + further
    }

    var response: HTTPResponse { HTTPResponse(headers: headers, body: .bytes(bytes)) }
}
