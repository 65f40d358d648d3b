import TelemetryBase
import TelemetryHTTP
import TelemetryStores

/// An error response: `{"error":"bad_request","message":"…"}`, with the members of problem details (RFC 9457).
struct APIError: Error {
    var status: Int
    /// A code for programs.
    var code: String
    /// Names the parameter and its value, or describes the problem.
    var message: String
    var headers: [(name: String, value: String)] = []

    static let contentType = "application/problem+json"

    static func badRequest(_ message: String) -> APIError {
        APIError(status: 400, code: "bad_request", message: message)
    }
    static func notFound(_ message: String) -> APIError { APIError(status: 404, code: "not_found", message: message) }
    static func unavailable(_ message: String) -> APIError {
        APIError(status: 503, code: "unavailable", message: message, headers: [("Retry-After", "5")])
    }

    /// The response would have more bytes than the limit.
    static func responseTooLarge(_ limit: Int) -> APIError {
        APIError(
            status: 422, code: "response_too_large",
            message:
                "the response would be larger than \(limit) bytes (MAX_RESPONSE_SIZE): "
                + "request fewer series, a shorter time range or a smaller page")
    }

    /// The request took longer than it may.
    static func timeout(_ limit: Duration) -> APIError {
        APIError(status: 504, code: "timeout", message: timeoutMessage(limit))
    }

    static func timeoutMessage(_ limit: Duration) -> String {
        "no response within \(limit) (QUERY_TIMEOUT): request fewer series or a shorter time range"
    }

    /// The client closed the connection before the response. Only counters and the log see this status, as in nginx.
    static let clientClosed = APIError(
        status: 499, code: "client_closed_request", message: "the client closed the connection")

    static let shape = ResponseShape<APIError>(
        "Error", example: badRequest("limit=0 must be from 1 to 1000"),
        [
            ResponseMember("error", .text.described("A code for programs.")) { $0.code },
            ResponseMember("message", .text.described("Names the parameter and its value, or describes the problem.")) {
                $0.message
            },
            // "about:blank": the status says all that there is to know about the type.
            ResponseMember("type", .text.with("format", .text("uri-reference"))) { _ in "about:blank" },
            ResponseMember("title") { "\(HTTPResponse.reason($0.status))" },
            ResponseMember(
                "status", .integer.with("minimum", .integer(400)).with("maximum", .integer(599))
            ) { $0.status },
            ResponseMember("detail") { $0.message },
        ])

    var response: HTTPResponse {
        HTTPResponse(
            status: status, headers: [("Content-Type", APIError.contentType)] + headers,
            body: .bytes(Self.shape.bytes(of: self)))
    }

    init(status: Int, code: String, message: String, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    /// Creates the error that a client receives if the store fails: the data are not available, and the reason.
    init(_ error: StoreError) {
        switch error.kind {
        case .unavailable:
            let seconds = error.retryAfter.map { max(1, Int($0.components.seconds)) } ?? 1
            self.init(
                status: 503, code: "store_unavailable", message: abbreviated(error.message, to: 800),
                headers: [("Retry-After", String(seconds))])
        case .unauthorized, .rejected, .invalidAnswer:
            self.init(status: 502, code: "store_error", message: abbreviated(error.message, to: 800))
        }
    }
}
