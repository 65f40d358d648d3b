import TelemetryHTTP

/// One operation of the gateway: its handler, and its description for the OpenAPI document. Paths are defined only in
/// the table of these.
struct Route: Sendable {
    /// A path of segments, some of them `{name}`: `/api/v1/gpus/{uuid}`.
    var path: String
    var operationID: String
    var summary: String
    var tag: String
    var parameters: [any RouteParameter] = []
    /// The content of a successful response; if there are several, one is selected by a parameter or by the request's
    /// `Accept`.
    var responses: [ResponseContent]
    /// The statuses other than 200 of its responses.
    var errors: [Int] = []
    /// Whether it requires the token, if one is configured.
    var requiresToken = false
    /// Whether it processes many samples: then it does not run on the event loop's thread, where it would delay all
    /// others.
    var isHeavy = false
    /// Whether its response needs neither the store nor anything else that could block: then it has no deadline.
    var isFixed = false
    /// Whether it queries the store within ``GatewayCore/probeTimeout`` and responds without it after that: its own
    /// deadline is a later one.
    var isProbe = false
    /// Whether it also accepts a posted form, by the rules of Prometheus: undeclared parameters are ignored, and others
    /// are checked when the handler reads them.
    var acceptsForm = false
    /// The content of the responses with one of the statuses ``errors``.
    var errorContent = ResponseContent.error
    /// Returns the response to an error that is not the handler's own.
    var errorForm: @Sendable (APIError) -> HTTPResponse = { $0.response }
    var handle: @Sendable (RequestContext) async throws -> HTTPResponse

    /// The parameters of the query or form.
    var queryParameters: [any RouteParameter] { parameters.filter { !$0.isInPath } }
}
