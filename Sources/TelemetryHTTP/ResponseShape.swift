import TelemetryBase

/// The form of a JSON object in responses: its members in order, each with its name, its schema, and how it is written
/// from a value.
///
/// The bytes of a response, its schema and its example are derived from this one table, so they cannot differ.
@usableFromInline
package struct ResponseShape<Value: Sendable>: Sendable {
    /// The name of its schema among the components of an OpenAPI document; `nil` if the schema is part of another one.
    package let name: String?
    @usableFromInline let members: [ResponseMember<Value>]
    @usableFromInline let furtherMembers: FurtherMembers<Value>?
    package let example: Value?

    /// - Parameters:
    ///   - example: the value that the schema's example is written from.
    ///   - furtherMembers: members whose names depend on the value, after the others.
    package init(
        _ name: String, example: Value?, _ members: [ResponseMember<Value>],
        furtherMembers: FurtherMembers<Value>? = nil
    ) {
        self.name = name
        self.members = members
        self.example = example
        self.furtherMembers = furtherMembers
    }

    /// A form that is part of another one.
    package init(_ members: [ResponseMember<Value>]) {
        name = nil
        self.members = members
        example = nil
        furtherMembers = nil
    }

    /// Writes one JSON object.
    @inlinable
    package func write(_ value: Value, to json: inout JSONWriter<ByteWriter>) {
        json.object { json in
            for member in members { member.write(value, &json) }
            furtherMembers?.write(value, &json)
        }
    }

    /// The JSON text of a value.
    package func bytes(of value: Value) -> [UInt8] { ByteWriter.json { write(value, to: &$0) } }

    /// The schema as the component, or the part of another schema, that it is.
    package var schema: JSONSchema {
        var schema = JSONSchema.object(of: members)
        if let furtherMembers { schema = schema.with("additionalProperties", .schema(furtherMembers.schema)) }
        return example.map { schema.with("examples", .array(json: [bytes(of: $0)])) } ?? schema
    }

    package var component: SchemaComponent? {
        name.map { SchemaComponent(name: $0, schema: schema, parts: members.flatMap(\.parts)) }
    }

    /// A reference to the component, or the schema if it has no name.
    @usableFromInline package var reference: JSONSchema { name.map { .component($0) } ?? schema }
    /// The components that ``reference`` refers to.
    @usableFromInline package var parts: [SchemaComponent] { component.map { [$0] } ?? members.flatMap(\.parts) }
}

/// A member of a ``ResponseShape``.
@usableFromInline
package struct ResponseMember<Value: Sendable>: Sendable {
    package let name: String
    package let schema: JSONSchema
    /// Whether every object has it.
    package let isRequired: Bool
    /// The components that ``schema`` refers to.
    package let parts: [SchemaComponent]
    /// Writes name and value; nothing if the member is omitted.
    @usableFromInline package let write: @Sendable (Value, inout JSONWriter<ByteWriter>) -> Void

    @usableFromInline
    package init(
        _ name: String, _ schema: JSONSchema, isRequired: Bool = true, parts: [SchemaComponent] = [],
        writing write: @escaping @Sendable (Value, inout JSONWriter<ByteWriter>) -> Void
    ) {
        self.name = name
        self.schema = schema
        self.isRequired = isRequired
        self.parts = parts
        self.write = write
    }

    /// - Parameter schema: by default that of the type.
    @inlinable
    package init<Member: DescribedJSONValue>(
        _ name: String, _ schema: JSONSchema = Member.schema, _ get: @escaping @Sendable (Value) -> Member
    ) {
        let key = JSONKey(name)
        self.init(name, schema) { value, json in
            key.write(to: &json)
            json.value(get(value))
        }
    }

    /// A member whose schema lists the values of its type.
    @inlinable
    package init<Choice: CaseIterable & RawRepresentable<String> & Sendable>(
        _ name: String, _ get: @escaping @Sendable (Value) -> Choice
    ) {
        self.init(name, .choice(of: Choice.allCases.map(\.rawValue))) { get($0).rawValue }
    }

    /// A member that is omitted if it is `nil`.
    @inlinable
    package static func optional<Member: DescribedJSONValue>(
        _ name: String, _ schema: JSONSchema = Member.schema, _ get: @escaping @Sendable (Value) -> Member?
    ) -> ResponseMember {
        let key = JSONKey(name)
        return ResponseMember(name, schema, isRequired: false) { value, json in
            guard let member = get(value) else { return }
            key.write(to: &json)
            json.value(member)
        }
    }

    /// A member that is an object of another shape.
    package static func object<Member>(
        _ name: String, _ shape: ResponseShape<Member>, _ get: @escaping @Sendable (Value) -> Member
    ) -> ResponseMember {
        let key = JSONKey(name)
        return ResponseMember(name, shape.reference, parts: shape.parts) { value, json in
            key.write(to: &json)
            shape.write(get(value), to: &json)
        }
    }

    /// A member that is an array of objects of another shape.
    @inlinable
    package static func array<Element>(
        _ name: String, of shape: ResponseShape<Element>, _ get: @escaping @Sendable (Value) -> [Element]
    ) -> ResponseMember {
        let key = JSONKey(name)
        return ResponseMember(name, .array(of: shape.reference), parts: shape.parts) { value, json in
            key.write(to: &json)
            json.array { json in
                for element in get(value) { shape.write(element, to: &json) }
            }
        }
    }
}

/// Members of a ``ResponseShape`` whose names depend on the value.
@usableFromInline
package struct FurtherMembers<Value: Sendable>: Sendable {
    /// The schema of each of their values.
    package let schema: JSONSchema
    @usableFromInline let write: @Sendable (Value, inout JSONWriter<ByteWriter>) -> Void

    package init(
        _ schema: JSONSchema, writing write: @escaping @Sendable (Value, inout JSONWriter<ByteWriter>) -> Void
    ) {
        self.schema = schema
        self.write = write
    }
}

extension JSONSchema {
    package static func object<Value>(of members: [ResponseMember<Value>]) -> JSONSchema {
        .object(
            required: members.filter(\.isRequired).map(\.name), properties: members.map { ($0.name, $0.schema) })
    }
}

/// The name of a member as JSON text, made once: `"name":`.
@usableFromInline
struct JSONKey: Sendable {
    @usableFromInline let bytes: [UInt8]

    @usableFromInline
    init(_ name: String) {
        var text = ByteWriter(capacity: name.utf8.count + 3)
        text.appendJSONString(name)
        text.append(UInt8(ascii: ":"))
        bytes = text.bytes
    }

    /// Exactly one value must follow.
    @inlinable
    func write(to json: inout JSONWriter<ByteWriter>) {
        json.separate()
        bytes.withUnsafeBytes { json.sink.append($0) }
    }
}
