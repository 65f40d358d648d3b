import TelemetryNet

/// Reads a query string by what a route declares; whatever is not declared, or twice there, or not of its kind, is refused
/// with its name and value.
enum QueryParameters {
    static func parse(_ query: String, for route: Route) throws(APIError) -> [String: ParameterValue] {
        var given: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(parts[0], plusIsSpace: true),
                let value = percentDecoded(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { throw .badRequest("the query has a broken escape: \(pair)") }
            guard given[name] == nil else { throw .badRequest("\(name) is given more than once") }
            given[name] = value
        }
        var values: [String: ParameterValue] = [:]
        for parameter in route.parameters {
            if case .pathText = parameter.kind { continue }
            values[parameter.name] = try value(of: parameter, given.removeValue(forKey: parameter.name))
        }
        if let unknown = given.keys.sorted().first {
            let known = route.parameters.filter { if case .pathText = $0.kind { false } else { true } }.map(\.name)
            throw .badRequest("\(unknown) is not a parameter of \(route.path)" + (known.isEmpty ? "" : "; it takes " + known.joined(separator: ", ")))
        }
        return values
    }

    private static func value(of parameter: Route.Parameter, _ text: String?) throws(APIError) -> ParameterValue? {
        switch parameter.kind {
        case .pathText, .texts: return nil
        case .text:
            if let text, text.isEmpty { throw .badRequest("\(parameter.name) is empty") }
            return text.map { .text($0) }
        case .integer(let range, let preset):
            guard let text else { return .integer(preset) }
            guard let number = Int(text), text.utf8.first != UInt8(ascii: "+") else {
                throw .badRequest("\(parameter.name)=\(text) is not a whole number")
            }
            guard range.contains(number) else {
                let wanted = range.upperBound == .max ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
                throw .badRequest("\(parameter.name)=\(number) must be \(wanted)")
            }
            return .integer(number)
        case .time:
            guard let text else { return nil }
            do {
                return .time(try Timestamp(rfc3339: text))
            } catch {
                throw .badRequest("\(parameter.name)=\(text): \(error); such as 2025-07-18T20:42:34Z")
            }
        case .choice(let choices, let preset):
            guard let text else { return .text(preset) }
            guard choices.contains(text) else {
                throw .badRequest("\(parameter.name)=\(text) must be one of \(choices.joined(separator: ", "))")
            }
            return .text(text)
        }
    }
}
