import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// One parameter of routes: how its texts in a request become a value, and its description for the OpenAPI document.
/// Handlers read it as `context[parameter]`.
struct Parameter<Value: Sendable>: RouteParameter {
    let name: String
    let description: String
    let example: String
    let isInPath: Bool
    let isRequired: Bool
    let schema: JSONSchema
    private let parse: @Sendable (_ texts: [String]) throws(APIError) -> Value

    /// - Parameter parse: returns the value of the texts of a request, which are as many as it has parameters of the
    ///   name.
    init(
        _ name: String, _ description: String, example: String, isInPath: Bool = false, isRequired: Bool = false,
        schema: JSONSchema, parsingAll parse: @escaping @Sendable ([String]) throws(APIError) -> Value
    ) {
        self.name = name
        self.description = description
        self.example = example
        self.isInPath = isInPath
        self.isRequired = isRequired
        self.schema = schema
        self.parse = parse
    }

    /// A parameter that may be given once.
    ///
    /// - Parameter parse: returns the value of its text, or of `nil` if it is missing.
    private init(
        _ name: String, _ description: String, example: String, isInPath: Bool = false, isRequired: Bool = false,
        schema: JSONSchema, parsing parse: @escaping @Sendable (String?) throws(APIError) -> Value
    ) {
        self.init(
            name, description, example: example, isInPath: isInPath, isRequired: isRequired, schema: schema
        ) { (texts) throws(APIError) in
            guard texts.count <= 1 else { throw .badRequest("\(name) is given more than once") }
            return try parse(texts.first)
        }
    }

    /// The value in a request with these texts. Throws an error that contains the name and the text.
    func value(of texts: [String]) throws(APIError) -> Value { try parse(texts) }

    func check(_ texts: [String]) throws(APIError) { _ = try parse(texts) }
}

/// A ``Parameter`` whose type of value does not matter: for tables, and to check requests.
protocol RouteParameter: Sendable {
    var name: String { get }
    var description: String { get }
    var example: String { get }
    /// Whether it is a segment of the path; otherwise it is in the query or in a form.
    var isInPath: Bool { get }
    var isRequired: Bool { get }
    var schema: JSONSchema { get }
    func check(_ texts: [String]) throws(APIError)
}

extension Parameter where Value == String {
    /// A segment of the path.
    static func segment(_ name: String, _ description: String, example: String) -> Parameter {
        required(name, description, example: example, isInPath: true)
    }

    static func requiredText(_ name: String, _ description: String, example: String) -> Parameter {
        required(name, description, example: example, isInPath: false)
    }

    private static func required(
        _ name: String, _ description: String, example: String, isInPath: Bool
    ) -> Parameter {
        Parameter(
            name, description, example: example, isInPath: isInPath, isRequired: true, schema: .nonEmptyText
        ) { (text) throws(APIError) in
            guard text != "" else { throw .badRequest("\(name) is empty") }
            guard let text else { throw .badRequest("\(name) is missing; example: \(name)=\(example)") }
            return text
        }
    }
}

extension Parameter where Value == [String] {
    /// A parameter that may be repeated.
    static func texts(_ name: String, _ description: String, example: String) -> Parameter {
        Parameter(name, description, example: example, schema: .array(of: .nonEmptyText)) {
            (texts) throws(APIError) in
            guard !texts.contains("") else { throw .badRequest("\(name) is empty") }
            return texts
        }
    }
}

extension Parameter where Value == Int {
    /// - Parameter range: with the upper bound `Int.max`, any number from the lower bound on.
    static func integer(
        _ name: String, _ range: ClosedRange<Int>, default preset: Int, _ description: String, example: String
    ) -> Parameter {
        let isBounded = range.upperBound != .max
        let schema = JSONSchema.integer.with("minimum", .integer(range.lowerBound))
        return Parameter(
            name, description, example: example,
            schema: (isBounded ? schema.with("maximum", .integer(range.upperBound)) : schema)
                .with("default", .integer(preset))
        ) { (text) throws(APIError) in
            guard let text else { return preset }
            guard let number = Int(text), text.utf8.first != UInt8(ascii: "+") else {
                throw .badRequest("\(name)=\(abbreviated(text)) is not an integer")
            }
            guard range.contains(number) else {
                let wanted =
                    isBounded ? "from \(range.lowerBound) to \(range.upperBound)" : "at least \(range.lowerBound)"
                throw .badRequest("\(name)=\(number) must be \(wanted)")
            }
            return number
        }
    }
}

extension Parameter where Value == Timestamp? {
    /// RFC 3339; `nil` if it is missing.
    static func time(_ name: String, _ description: String, example: String) -> Parameter {
        Parameter(name, description, example: example, schema: .time) { (text) throws(APIError) in
            guard let text else { return nil }
            do {
                return try Timestamp(rfc3339: text)
            } catch {
                throw .badRequest("\(name)=\(abbreviated(text)): \(error); example: 2025-07-18T20:42:34Z")
            }
        }
    }
}

extension Parameter where Value == Duration {
    /// `500ms`, `60s`, `5m`, `1h`, `7d`: a positive integer of at most nine digits, and its unit.
    static func duration(
        _ name: String, default preset: String, _ description: String, example: String
    ) -> Parameter {
        let schema = JSONSchema.text.with("pattern", .text("^[1-9][0-9]{0,8}(ms|s|m|h|d)$"))
        return Parameter(name, description, example: example, schema: schema.with("default", .text(preset))) {
            (text) throws(APIError) in
            guard let duration = duration(text ?? preset) else {
                throw .badRequest(
                    "\(name)=\(abbreviated(text ?? preset)) is not a duration such as 500ms, 60s, 5m, 1h or 7d")
            }
            return duration
        }
    }

    private static func duration(_ text: String) -> Duration? {
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

extension Parameter where Value: CaseIterable & RawRepresentable<String> {
    /// One of the raw values of a type.
    static func choice(
        _ name: String, default preset: Value, _ description: String, example: String
    ) -> Parameter {
        let choices = Value.allCases.map(\.rawValue)
        let schema = JSONSchema.choice(of: choices, default: preset.rawValue)
        return Parameter(name, description, example: example, schema: schema) { (text) throws(APIError) in
            guard let text else { return preset }
            guard let value = Value(rawValue: text) else { throw .notOneOf(choices, name, text) }
            return value
        }
    }
}

extension Parameter {
    /// One of the raw values of a type, or `none`, which is the default and `nil`.
    static func choice<Choice: CaseIterable & RawRepresentable<String>>(
        _ name: String, none: String, _ description: String, example: String
    ) -> Parameter where Value == Choice? {
        let choices = [none] + Choice.allCases.map(\.rawValue)
        let schema = JSONSchema.choice(of: choices, default: none)
        return Parameter(name, description, example: example, schema: schema) { (text) throws(APIError) in
            guard let text, text != none else { return nil }
            guard let value = Choice(rawValue: text) else { throw .notOneOf(choices, name, text) }
            return value
        }
    }
}

extension Parameter where Value == PageCursor? {
    /// The `next` of a previous page; `nil` if it is missing.
    static func cursor(_ name: String, _ description: String, example: String) -> Parameter {
        let schema = JSONSchema.text.with("pattern", .text("^[A-Za-z0-9_-]+$"))
        return Parameter(name, description, example: example, schema: schema) { (text) throws(APIError) in
            guard let text else { return nil }
            guard let cursor = PageCursor(text) else {
                throw .badRequest("\(name)=\(abbreviated(text)) is not the next of a previous page")
            }
            return cursor
        }
    }
}

extension JSONSchema {
    static let nonEmptyText = text.with("minLength", .integer(1))

    fileprivate static func choice(of choices: [String], default preset: String) -> JSONSchema {
        text.with("enum", .texts(choices)).with("default", .text(preset))
    }
}

extension APIError {
    fileprivate static func notOneOf(_ choices: [String], _ name: String, _ text: String) -> APIError {
        .badRequest("\(name)=\(abbreviated(text)) must be one of \(choices.joined(separator: ", "))")
    }
}
