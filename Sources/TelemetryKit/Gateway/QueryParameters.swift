import TelemetryBase
import TelemetryModels

/// Parses a query string according to the parameters of a route; an undeclared, duplicate or invalid parameter is
/// refused with an error that contains its name and value.
enum QueryParameters {
    static func parse(_ query: String, for route: Route) throws(APIError) -> [String: ParameterValue] {
        var given: [(name: String, value: String)] = []
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = percentDecoded(parts[0], plusIsSpace: true),
                let value = percentDecoded(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            else { throw .badRequest("the query has an invalid escape: \(abbreviated(pair))") }
            given.append((name, value))
        }
        var values: [String: ParameterValue] = [:]
        var taken = 0
        for parameter in route.parameters where !parameter.isInPath {
            let texts = given.lazy.filter { $0.name == parameter.name }.map(\.value)
            taken += texts.count
            values[parameter.name] = try value(of: parameter, Array(texts))
            if parameter.isRequired, values[parameter.name] == nil {
                throw .badRequest("\(parameter.name) is missing; example: \(parameter.name)=\(parameter.example)")
            }
        }
        if taken < given.count {
            let known = route.queryParameters.map(\.name)
            let unknown = given.map(\.name).filter { !known.contains($0) }.min() ?? ""
            throw .badRequest(
                "\(abbreviated(unknown)) is not a parameter of \(route.path)"
                    + (known.isEmpty ? "" : "; it takes " + known.joined(separator: ", ")))
        }
        return values
    }

    private static func value(of parameter: Route.Parameter, _ texts: [String]) throws(APIError) -> ParameterValue? {
        let name = parameter.name
        if case .texts = parameter.kind {
            guard !texts.contains("") else { throw .badRequest("\(name) is empty") }
            return texts.isEmpty ? nil : .texts(texts)
        }
        guard texts.count <= 1 else { throw .badRequest("\(name) is given more than once") }
        let text = texts.first
        switch parameter.kind {
        case .pathText, .texts: return nil
        case .text:
            guard text != "" else { throw .badRequest("\(name) is empty") }
            return text.map { .text($0) }
        case .integer(let range, let preset):
            return .integer(try text.map { text throws(APIError) in try integer(text, in: range, name) } ?? preset)
        case .time:
            guard let text else { return nil }
            do {
                return .time(try Timestamp(rfc3339: text))
            } catch {
                throw .badRequest("\(name)=\(abbreviated(text)): \(error); example: 2025-07-18T20:42:34Z")
            }
        case .duration(let preset):
            guard let duration = duration(text ?? preset) else {
                throw .badRequest(
                    "\(name)=\(abbreviated(text ?? preset)) is not a duration such as 500ms, 60s, 5m, 1h or 7d")
            }
            return .duration(duration)
        case .choice(let choices, let preset):
            guard let text else { return .text(preset) }
            guard choices.contains(text) else {
                throw .badRequest("\(name)=\(abbreviated(text)) must be one of \(choices.joined(separator: ", "))")
            }
            return .text(text)
        case .cursor:
            guard let text else { return nil }
            guard let cursor = PageCursor(text) else {
                throw .badRequest("\(name)=\(abbreviated(text)) is not the next of a previous page")
            }
            return .cursor(cursor)
        }
    }

    private static func integer(_ text: String, in range: ClosedRange<Int>, _ name: String) throws(APIError) -> Int {
        guard let number = Int(text), text.utf8.first != UInt8(ascii: "+") else {
            throw .badRequest("\(name)=\(abbreviated(text)) is not an integer")
        }
        guard range.contains(number) else {
            let wanted =
                range.upperBound == .max
                ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            throw .badRequest("\(name)=\(number) must be \(wanted)")
        }
        return number
    }

    /// The syntax that ``duration(_:)`` accepts, as a pattern of JSON schema.
    static let durationPattern = "^[1-9][0-9]{0,8}(ms|s|m|h|d)$"

    /// A positive integer of at most nine digits, and its unit.
    static func duration(_ text: String) -> Duration? {
        let digits = text.utf8.prefix { (48...57).contains($0) }
        guard let first = digits.first, first != 48, digits.count <= 9, let number = Int(Substring(digits)) else {
            return nil
        }
        switch text.utf8.dropFirst(digits.count) {
        case let unit where unit.elementsEqual("ms".utf8): return .milliseconds(number)
        case let unit where unit.elementsEqual("s".utf8): return .seconds(number)
        case let unit where unit.elementsEqual("m".utf8): return .seconds(60 * number)
        case let unit where unit.elementsEqual("h".utf8): return .seconds(3_600 * number)
        case let unit where unit.elementsEqual("d".utf8): return .seconds(86_400 * number)
        default: return nil
        }
    }
}
