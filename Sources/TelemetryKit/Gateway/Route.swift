import TelemetryNet

/// One operation of the gateway: what serves it, and what the OpenAPI document says of it. The table of these is the only
/// place where a path is named.
struct Route: Sendable {
    /// A path of segments, some of them `{name}`: `/api/v1/gpus/{uuid}`.
    var path: String
    var operationID: String
    var summary: String
    var tag: String
    var parameters: [Parameter] = []
    /// What a successful answer holds.
    var answers: [AnswerContent]
    /// Statuses beside 200 that it can answer with.
    var errors: [Int] = []
    /// Whether the token is asked for, where one is configured.
    var needsToken = false
    /// Whether it reads its parameters itself, in the query or in a form that is posted; ``parameters`` then only tell of them.
    var takesForm = false
    /// A name of ``Schemas``.
    var errorSchema = "Error"
    var handle: @Sendable (RequestContext) async throws -> HTTPResponse

    /// One representation of a successful answer.
    struct AnswerContent: Sendable {
        var contentType: String
        /// A name of ``Schemas``, or `nil` for plain text.
        var schema: String?
    }

    struct Parameter: Sendable {
        enum Kind: Sendable {
            /// A segment of the path.
            case pathText
            case text
            /// May be given several times.
            case texts
            case integer(ClosedRange<Int>, default: Int)
            /// RFC 3339.
            case time
            case choice([String], default: String)
        }

        var name: String
        var kind: Kind
        var description: String
        var example: String
    }
}

/// What a handler is given: the request's captured segments and its checked parameters.
struct RequestContext: Sendable {
    let gateway: GatewayCore
    let request: HTTPRequest
    let segments: [String: String]
    let parameters: [String: ParameterValue]

    var store: any TelemetryStore { gateway.store }

    /// The segment of the path, percent-decoded.
    func segment(_ name: String) -> String { segments[name]! }

    func text(_ name: String) -> String? {
        if case .text(let value)? = parameters[name] { value } else { nil }
    }

    func integer(_ name: String) -> Int {
        guard case .integer(let value)? = parameters[name] else { preconditionFailure("the route has no integer parameter \(name)") }
        return value
    }

    func time(_ name: String) -> Timestamp? {
        if case .time(let value)? = parameters[name] { value } else { nil }
    }
}

enum ParameterValue: Sendable {
    case text(String)
    case integer(Int)
    case time(Timestamp)
}

/// An answer that is an error: `{"error":"bad_request","message":"…"}`.
struct APIError: Error {
    var status: Int
    var code: String
    var message: String
    var headers: [(name: String, value: String)] = []

    static func badRequest(_ message: String) -> APIError { APIError(status: 400, code: "bad_request", message: message) }
    static func notFound(_ message: String) -> APIError { APIError(status: 404, code: "not_found", message: message) }

    var response: HTTPResponse {
        var body = ByteWriter()
        body.append("{\"error\":")
        body.appendJSONString(code)
        body.append(",\"message\":")
        body.appendJSONString(message)
        body.append("}")
        return HTTPResponse(status: status, headers: [("Content-Type", "application/json")] + headers, body: .bytes(body.bytes))
    }

    init(status: Int, code: String, message: String, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    /// What a client may know of a store's failure: that the data cannot be had, and why.
    init(_ error: StoreError) {
        switch error.kind {
        case .unavailable:
            let seconds = error.retryAfter.map { max(1, Int($0.components.seconds)) } ?? 1
            self.init(status: 503, code: "store_unavailable", message: error.message, headers: [("Retry-After", String(seconds))])
        case .unauthorized, .rejected, .invalidAnswer:
            self.init(status: 502, code: "store_error", message: error.message)
        }
    }
}
