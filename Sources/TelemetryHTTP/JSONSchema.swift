import TelemetryBase

/// A JSON schema (https://json-schema.org/draft/2020-12): keywords in the order in which they are written.
@usableFromInline
package struct JSONSchema: Sendable {
    /// The value of a keyword.
    package enum Value: Sendable {
        case text(String)
        case texts([String])
        case integer(Int)
        case schema(JSONSchema)
        case schemas([(name: String, schema: JSONSchema)])
        /// An array of values whose JSON texts exist already.
        case array(json: [[UInt8]])
    }

    package private(set) var keywords: [(name: StaticString, value: Value)] = []

    /// A schema that every value matches.
    package static let any = JSONSchema()
    package static let text = JSONSchema(type: "string")
    package static let flag = JSONSchema(type: "boolean")
    package static let number = JSONSchema(type: "number")
    package static let integer = JSONSchema(type: "integer")
    /// An integer of at least 0.
    package static let count = integer.with("minimum", .integer(0))
    /// RFC 3339.
    package static let time = text.with("format", .text("date-time"))
    /// An object with any members.
    package static let object = JSONSchema(type: "object")

    package init() {}

    private init(type: String) { self = JSONSchema().with("type", .text(type)) }

    package static func constant(_ text: String) -> JSONSchema { JSONSchema().with("const", .text(text)) }

    @usableFromInline package static func choice(of texts: [String]) -> JSONSchema {
        JSONSchema().with("enum", .texts(texts))
    }

    @usableFromInline package static func array(of items: JSONSchema) -> JSONSchema {
        JSONSchema(type: "array").with("items", .schema(items))
    }

    /// An object with members, of which some are required. Other members are allowed, too.
    package static func object(
        required: [String], properties: [(name: String, schema: JSONSchema)]
    ) -> JSONSchema {
        object.with("required", .texts(required)).with("properties", .schemas(properties))
    }

    /// A reference to a schema of that name among the components of an OpenAPI document.
    package static func component(_ name: String) -> JSONSchema {
        JSONSchema().with("$ref", .text("#/components/schemas/\(name)"))
    }

    /// This schema with another keyword.
    package func with(_ name: StaticString, _ value: Value) -> JSONSchema {
        var schema = self
        schema.keywords.append((name, value))
        return schema
    }

    package func described(_ description: String) -> JSONSchema { with("description", .text(description)) }

    /// The value of the keyword `type`, if it is one type.
    package var type: String? {
        guard case .text(let type)? = keywords.first(where: { "\($0.name)" == "type" })?.value else { return nil }
        return type
    }

    /// A schema that also allows `null`. The schema must have a type.
    package var orNull: JSONSchema {
        var schema = self
        for (index, keyword) in keywords.enumerated() {
            guard "\(keyword.name)" == "type", case .text(let type) = keyword.value else { continue }
            schema.keywords[index].value = .texts([type, "null"])
        }
        return schema
    }
}

extension JSONSchema: JSONValue {
    @usableFromInline
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.object { json in
            for (name, value) in keywords {
                switch value {
                case .text(let text): json.member(name, text)
                case .texts(let texts): json.member(name, texts)
                case .integer(let integer): json.member(name, integer)
                case .schema(let schema): json.member(name, schema)
                case .schemas(let schemas):
                    json.object(name) { json in
                        for (name, schema) in schemas {
                            json.key(text: name)
                            json.value(schema)
                        }
                    }
                case .array(let values): json.array(name, of: values) { $0.value(json: $1) }
                }
            }
        }
    }
}

/// A schema with a name, for the components of an OpenAPI document.
@usableFromInline
package struct SchemaComponent: Sendable {
    package let name: String
    package let schema: JSONSchema
    /// The components that ``schema`` refers to.
    package let parts: [SchemaComponent]

    package init(name: String, schema: JSONSchema, parts: [SchemaComponent] = []) {
        self.name = name
        self.schema = schema
        self.parts = parts
    }
}

/// A type whose values can be members of a response, with the schema of their JSON.
@usableFromInline
package protocol DescribedJSONValue: JSONValue, Sendable {
    static var schema: JSONSchema { get }
}

extension String: DescribedJSONValue {
    @usableFromInline package static var schema: JSONSchema { .text }
}

extension Bool: DescribedJSONValue {
    @usableFromInline package static var schema: JSONSchema { .flag }
}

extension Int: DescribedJSONValue {
    @usableFromInline package static var schema: JSONSchema { .integer }
}

extension Double: DescribedJSONValue {
    @usableFromInline package static var schema: JSONSchema { .number }
}

extension Optional: DescribedJSONValue where Wrapped: DescribedJSONValue {
    @usableFromInline package static var schema: JSONSchema { Wrapped.schema.orNull }
}

extension Array: DescribedJSONValue where Element: DescribedJSONValue {
    @usableFromInline package static var schema: JSONSchema { .array(of: Element.schema) }
}
