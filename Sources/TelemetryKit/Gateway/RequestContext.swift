import TelemetryHTTP
import TelemetryStores

/// The input of a handler: the request and its parameters.
struct RequestContext: Sendable {
    let gateway: GatewayCore
    let request: HTTPRequest
    let parameters: RequestParameters

    var store: any TelemetryStore { gateway.store }

    /// The value of a parameter that the route declares.
    subscript<Value>(parameter: Parameter<Value>) -> Value {
        get throws(APIError) { try parameters.value(of: parameter) }
    }
}
