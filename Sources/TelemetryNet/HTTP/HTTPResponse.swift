/// An answer: status, header fields and body.
package struct HTTPResponse: Sendable {
    package enum Body: Sendable {
        case bytes([UInt8])
        /// Written piece by piece, with chunked transfer coding; the writer waits while the client does not read.
        case stream(@Sendable (HTTPBodyWriter) async throws -> Void)
    }

    package var status: Int
    /// Beside `Date`, `Content-Length`, `Transfer-Encoding` and `Connection`, which the server adds.
    package var headers: [(name: String, value: String)]
    package var body: Body

    package init(status: Int = 200, headers: [(name: String, value: String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: Int = 200, contentType: String, _ bytes: [UInt8]) {
        self.init(status: status, headers: [("Content-Type", contentType)], body: .bytes(bytes))
    }

    static func plain(_ status: Int, _ text: String) -> HTTPResponse {
        HTTPResponse(status: status, contentType: "text/plain; charset=utf-8", Array((text + "\n").utf8))
    }

    package static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 204: "No Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 422: "Unprocessable Content"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

/// Takes the pieces of a streamed body.
package struct HTTPBodyWriter: Sendable {
    let connection: LoopBound<HTTPConnection>
    let loop: EventLoop
    /// The request of the connection that the body belongs to.
    let number: Int

    /// Sends the bytes as one chunk; returns when there is room for more. Throws ``HTTPPeerGone`` where nobody reads them.
    package func write(_ bytes: [UInt8]) async throws {
        let (connection, number) = (connection, number)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            loop.execute { connection.value.writeChunk(bytes, number, continuation) }
        }
    }
}

/// The client closed the connection before the body was written.
package struct HTTPPeerGone: Error, Sendable, CustomStringConvertible {
    package let description = "the client closed the connection"
}
