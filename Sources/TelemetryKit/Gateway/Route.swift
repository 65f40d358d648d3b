import TelemetryHTTP

/// One operation of the gateway: its handler, and its description for the OpenAPI document. Paths are defined only in
/// the table of these.
struct Route: Sendable {
    /// A path of segments, some of them `{name}`: `/api/v1/gpus/{uuid}`.
    var path: String
    var operationID: String
    var summary: String
    var tag: String
    var parameters: [Parameter] = []
    /// The content of a successful response; if there are several, one is selected by a parameter or by the request's
    /// `Accept`.
    var answers: [AnswerContent]
    /// The statuses other than 200 of its responses.
    var errors: [Int] = []
    /// Whether it requires the token, if one is configured.
    var needsToken = false
    /// Whether it processes many samples: then it does not run on the event loop's thread, where all others would wait.
    var isHeavy = false
    /// Whether its response needs neither the store nor anything else that could block: then it has no deadline.
    var isFixed = false
    /// Whether it queries the store within ``GatewayCore/probeTimeout`` and responds without it after that: its own
    /// deadline is a later one.
    var isProbe = false
    /// Whether it parses its parameters itself, in the query or in a posted form; ``parameters`` then only describe
    /// them.
    var takesForm = false
    /// A name of ``Schemas``.
    var errorSchema = "Error"
    /// The schema of an error that is not the handler's own.
    var errorForm: @Sendable (APIError) -> HTTPResponse = { $0.response }
    var handle: @Sendable (RequestContext) async throws -> HTTPResponse

    /// One representation of a successful response.
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
            /// `500ms`, `60s`, `5m`, `1h`, `7d`.
            case duration(default: String)
            case choice([String], default: String)
            /// The `next` of a previous page.
            case cursor
        }

        var name: String
        var kind: Kind
        var description: String
        var example: String
        /// Whether it is required in the query; a path segment always is.
        var isRequired = false

        var isInPath: Bool { if case .pathText = kind { true } else { false } }
    }

    /// The parameters of the query.
    var queryParameters: [Parameter] { parameters.filter { !$0.isInPath } }
}
