import TelemetryBase
import TelemetryHTTP

/// The texts of a request's parameters, with an entry for each parameter that its route declares.
struct RequestParameters: Sendable {
    private typealias Pair = (name: String, value: String)

    private let texts: [String: [String]]
    /// The path of the route, for messages.
    private let path: String

    /// Checks the request: an undeclared, duplicate or invalid parameter is an error that contains its name and value.
    /// A route that accepts a form ignores undeclared parameters, and checks others when they are read.
    ///
    /// - Parameter segments: the segments of the path that are parameters, percent-decoded.
    init(_ request: HTTPRequest, segments: [String: String], _ route: Route) throws(APIError) {
        let given = try route.acceptsForm ? Self.formPairs(request) : Self.pairs(request.query, "the query")
        var texts: [String: [String]] = [:]
        var declaredCount = 0
        for parameter in route.parameters {
            var values: [String]
            if parameter.isInPath {
                values = segments[parameter.name].map { [$0] } ?? []
            } else {
                values = given.lazy.filter { $0.name == parameter.name }.map(\.value)
                declaredCount += values.count
            }
            if !route.acceptsForm { try parameter.check(values) }
            texts[parameter.name] = values
        }
        self.texts = texts
        path = route.path
        if !route.acceptsForm, declaredCount < given.count { throw Self.undeclared(given, route) }
    }

    /// Throws an error of the client if the parameter is invalid, and an internal one if the route does not declare it.
    func value<Value>(of parameter: Parameter<Value>) throws(APIError) -> Value {
        guard let texts = texts[parameter.name] else {
            throw APIError(
                status: 500, code: "internal_error", message: "\(path) does not declare the parameter \(parameter.name)"
            )
        }
        return try parameter.value(of: texts)
    }

    /// The value of a parameter that not all routes declare; `nil` if the route does not.
    func valueIfDeclared<Value>(of parameter: Parameter<Value>) throws(APIError) -> Value? {
        guard let texts = texts[parameter.name] else { return nil }
        return try parameter.value(of: texts)
    }

    private static func undeclared(_ given: [Pair], _ route: Route) -> APIError {
        let known = route.queryParameters.map(\.name)
        let unknown = given.map(\.name).filter { !known.contains($0) }.min() ?? ""
        return .badRequest(
            "\(abbreviated(unknown)) is not a parameter of \(route.path)"
                + (known.isEmpty ? "" : "; it takes " + known.joined(separator: ", ")))
    }

    /// The parameters of a posted form, then those of the query.
    private static func formPairs(_ request: HTTPRequest) throws(APIError) -> [Pair] {
        guard request.method == "POST" else { return try pairs(request.query, "a parameter") }
        let type = request.header("content-type")?.prefix { $0 != ";" }.lowercased() ?? ""
        guard type == "application/x-www-form-urlencoded" else {
            throw .badRequest(
                "a posted query is of the type application/x-www-form-urlencoded, "
                    + "but this has the type \"\(abbreviated(type))\"")
        }
        return try pairs(String(decoding: request.body, as: UTF8.self), "a parameter")
            + pairs(request.query, "a parameter")
    }

    private static func pairs(_ text: String, _ subject: String) throws(APIError) -> [Pair] {
        var pairs: [Pair] = []
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(parts[0], plusIsSpace: true),
                let value = percentDecoded(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { throw .badRequest("\(subject) has an invalid escape: \(abbreviated(pair))") }
            pairs.append((name, value))
        }
        return pairs
    }
}
