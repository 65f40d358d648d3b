import TelemetryNet

/// A request that ``CurlClient`` sends.
struct CurlRequest: Sendable {
    var method = "GET"
    var url: String
    var headers: [(name: String, value: String)] = []
    /// Sent with its length; `nil`: no body.
    var body: [UInt8]?
    /// From the call until the last byte of the answer.
    var timeout = Duration.seconds(30)
    /// A longer body of the answer is a failure. It bounds the memory.
    var maximumBody = Int.max
}

struct CurlResponse: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    /// The first header of that name, in any case.
    func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// Why there is no answer. One with a bad status is an answer.
struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    enum Kind: Sendable {
        case network, timeout, invalidRequest, tooLarge, closed
    }

    var kind: Kind
    /// Without user name, password and query.
    let url: String
    /// Most often in libcurl's words.
    var reason: String

    init(kind: Kind, url: String, reason: String) {
        self.kind = kind
        self.url = redactedURL(url)
        self.reason = reason
    }

    var description: String { "\(url): \(reason)" }
}

/// `name=value&…`, as a query or as a form body.
func formEncoded(_ fields: [(String, String)]) -> String {
    fields.map { percentEncoded($0.0) + "=" + percentEncoded($0.1) }.joined(separator: "&")
}
