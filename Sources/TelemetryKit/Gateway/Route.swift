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
    /// What a successful answer holds; of several, one is chosen by a parameter or by the request's `Accept`.
    var answers: [AnswerContent]
    /// Statuses beside 200 that it can answer with.
    var errors: [Int] = []
    /// Whether the token is asked for, where one is configured.
    var needsToken = false
    /// Whether it works through many samples: then not on the event loop's thread, where all others would wait.
    var isHeavy = false
    /// Whether its response needs neither the store nor anything else that could keep it waiting: then it has no deadline.
    var isFixed = false
    /// Whether it asks the store within ``GatewayCore/probeTimeout`` and answers without it after that: its own deadline is a later one.
    var isProbe = false
    /// Whether it reads its parameters itself, in the query or in a form that is posted; ``parameters`` then only tell of them.
    var takesForm = false
    /// A name of ``Schemas``.
    var errorSchema = "Error"
    /// The form of an error that is not the handler's own.
    var errorForm: @Sendable (APIError) -> HTTPResponse = { $0.response }
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
            /// `500ms`, `60s`, `5m`, `1h`, `7d`.
            case duration(default: String)
            case choice([String], default: String)
            /// What a page before gave as `next`.
            case cursor
        }

        var name: String
        var kind: Kind
        var description: String
        var example: String
        /// In the query; a segment of the path always is.
        var isRequired = false

        var isInPath: Bool { if case .pathText = kind { true } else { false } }
    }

    /// The parameters of the query.
    var queryParameters: [Parameter] { parameters.filter { !$0.isInPath } }
}
