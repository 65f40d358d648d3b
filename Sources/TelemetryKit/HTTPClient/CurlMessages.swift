import TelemetryNet

/// A request that ``CurlClient`` sends.
package struct CurlRequest: Sendable {
    var method = "GET"
    var url: String
    package var headers: [(name: String, value: String)] = []
    /// Sent with its length; `nil`: no body.
    package var body: [UInt8]?
    /// From the call until the last byte of the answer.
    var timeout = Duration.seconds(30)
    /// A longer body of the answer is a failure. It bounds the memory.
    var maximumBody = Int.max

    package init(
        method: String = "GET", url: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        timeout: Duration = .seconds(30), maximumBody: Int = .max
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.maximumBody = maximumBody
    }
}

package struct CurlResponse: Sendable {
    package var status: Int
    var headers: [(name: String, value: String)] = []
    package var body: [UInt8] = []

    /// The first header of that name, in any case.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// Why there is no answer. One with a bad status is an answer.
package struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        case network, timeout, invalidRequest, tooLarge, closed
    }

    package var kind: Kind
    /// Without user name, password and query.
    package let url: String
    /// Most often in libcurl's words.
    package var reason: String

    package init(kind: Kind, url: String, reason: String) {
        self.kind = kind
        self.url = redactedURL(url)
        self.reason = reason
    }

    package var description: String { "\(url): \(reason)" }
}

/// `name=value&…`, as a query or as a form body.
package func formEncoded(_ fields: [(String, String)]) -> String {
    fields.map { percentEncoded($0.0) + "=" + percentEncoded($0.1) }.joined(separator: "&")
}
