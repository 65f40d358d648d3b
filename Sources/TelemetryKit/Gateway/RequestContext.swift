import TelemetryHTTP
import TelemetryModels
import TelemetryStores

/// The input of a handler: the request, its captured path segments and its validated parameters.
struct RequestContext: Sendable {
    let gateway: GatewayCore
    let request: HTTPRequest
    let segments: [String: String]
    let parameters: [String: ParameterValue]

    var store: any TelemetryStore { gateway.store }

    /// Returns a segment of the path, percent-decoded.
    func segment(_ name: String) -> String { segments[name]! }

    func text(_ name: String) -> String? {
        if case .text(let value)? = parameters[name] { value } else { nil }
    }

    /// Empty if the parameter is missing.
    func texts(_ name: String) -> [String] {
        if case .texts(let values)? = parameters[name] { values } else { [] }
    }

    func integer(_ name: String) -> Int {
        guard case .integer(let value)? = parameters[name] else {
            preconditionFailure("the route has no integer parameter \(name)")
        }
        return value
    }

    func time(_ name: String) -> Timestamp? {
        if case .time(let value)? = parameters[name] { value } else { nil }
    }

    func duration(_ name: String) -> Duration {
        guard case .duration(let value)? = parameters[name] else {
            preconditionFailure("the route has no duration parameter \(name)")
        }
        return value
    }

    var cursor: PageCursor? {
        if case .cursor(let value)? = parameters["cursor"] { value } else { nil }
    }

    /// A choice by the raw values of a type, all of which the route's parameter allows.
    func choice<Choice: RawRepresentable<String>>(_ name: String, as _: Choice.Type = Choice.self) -> Choice {
        guard let value = text(name).flatMap(Choice.init) else {
            preconditionFailure("the route has no choice \(name)")
        }
        return value
    }
}

enum ParameterValue: Sendable {
    case text(String)
    case texts([String])
    case integer(Int)
    case time(Timestamp)
    case duration(Duration)
    case cursor(PageCursor)
}
