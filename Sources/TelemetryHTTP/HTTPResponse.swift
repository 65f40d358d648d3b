import TelemetryBase

/// A response: status, header fields and body.
package struct HTTPResponse: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        /// Written piece by piece, with chunked transfer coding; the writer waits while the client does not read. The
        /// task is cancelled when the client disconnects.
        ///
        /// A `text/event-stream` has no end: a client that closes its sending side counts as disconnected, and a
        /// program that shuts the server down must first end the writer. With any other body, a client may have closed
        /// its sending side and still wait for the rest.
        case stream(@Sendable (HTTPBodyWriter) async throws -> Void)
    }

    package var status: Int
    /// In addition to `Date`, `Server`, `Content-Length`, `Transfer-Encoding` and `Connection`, which the server adds.
    package var headers: [(name: String, value: String)]
    /// Not sent in response to `HEAD`, nor with a status that has no body: 204, 304.
    package var body: Body

    package init(status: Int = 200, headers: [(name: String, value: String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: Int = 200, contentType: String, _ bytes: [UInt8]) {
        self.init(status: status, headers: [("Content-Type", contentType)], body: .bytes(bytes))
    }

    package static func plain(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, contentType: "text/plain; charset=utf-8", Array((text + "\n").utf8))
    }

    /// Statuses whose response has no body (RFC 9112 section 6.3).
    var mayHaveBody: Bool { status >= 200 && status != 204 && status != 304 }

    var isEventStream: Bool {
        guard case .stream = body else { return false }
        return headers.contains { $0.name.lowercased() == "content-type" && $0.value.hasPrefix("text/event-stream") }
    }

    package static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

extension ByteQueue {
    /// The status line and header fields, up to the field that describes the framing of the body.
    mutating func appendHead(of response: HTTPResponse, common: [UInt8]) {
        append("HTTP/1.1 ")
        appendDecimal(UInt64(response.status))
        append(" ")
        append(HTTPResponse.reason(response.status))
        append(common)
        for (name, value) in response.headers {
            append("\r\n")
            appendFieldText(name)
            append(": ")
            appendFieldText(value)
        }
    }

    /// A byte that could end the field or the head becomes a space (RFC 9110 section 5.5), because a value may contain
    /// a client's text.
    private mutating func appendFieldText(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            let out = room(max(utf8.count, 1))
            for i in 0..<utf8.count { out[i] = utf8[i] >= 0x20 || utf8[i] == 0x09 ? utf8[i] : 0x20 }
            commit(utf8.count)
        }
    }

    /// The length of a chunk, which is not 0, and its line end.
    mutating func appendChunkSize(_ count: Int) {
        let digits = (Int.bitWidth - count.leadingZeroBitCount + 3) / 4
        let out = room(digits)
        for i in 0..<digits { out[i] = hexDigit(UInt8(truncatingIfNeeded: count >> (4 * (digits - 1 - i)) & 15)) }
        commit(digits)
        append("\r\n")
    }
}
