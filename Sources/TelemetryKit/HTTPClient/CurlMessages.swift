import TelemetryBase

/// A request that ``CurlClient`` sends.
package struct CurlRequest: Sendable {
    var method = "GET"
    var url: String
    package var headers: [(name: String, value: String)] = []
    /// Sent with its length; `nil` for no body.
    package var body: [UInt8]?
    /// The maximum time from the call until the last byte of the response.
    var timeout = Duration.seconds(30)
    /// The maximum size of the response body in bytes; a longer one is a failure. It limits the memory.
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

    /// Returns the first header with that name, case-insensitively.
    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// The reason why there is no response. A response with an error status is a response.
package struct HTTPFailure: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        case network, timeout, invalidRequest, tooLarge, closed
    }

    package var kind: Kind
    /// The URL without user name, password and query.
    package let url: String
    /// Usually libcurl's message.
    package var reason: String

    package init(kind: Kind, url: String, reason: String) {
        self.kind = kind
        self.url = Secrets.redactedURL(url)
        self.reason = reason
    }

    package var description: String { "\(url): \(reason)" }
}

/// `name=value&…`, as a query or as a form body.
package func formEncoded(_ fields: [(String, String)]) -> String {
    fields.map { percentEncoded($0.0) + "=" + percentEncoded($0.1) }.joined(separator: "&")
}
