/// Writes JSON into a sink of bytes: objects, arrays and members, with the commas between them.
///
/// Containers are closed when their closure returns, so what is written is always one valid text if each object gets
/// members only, and each array values only. Member names are literals without characters that need an escape.
///
///     let bytes = ByteWriter.json { json in
///         json.object {
///             $0.member("status", "ok")
///             $0.array("checks", of: checks) { json, check in json.object { $0.member("name", check.name) } }
///         }
///     }
@usableFromInline
package struct JSONWriter<Sink: ByteSink & ~Copyable>: ~Copyable {
    /// Where the text goes. Only implementations of ``JSONValue`` append to it, between `separate` and `ended`.
    @usableFromInline package var sink: Sink
    /// Whether a value or member precedes the next one in the innermost container.
    @usableFromInline package var needsComma = false

    @inlinable
    package init(_ sink: consuming Sink) { self.sink = sink }

    // MARK: Values

    @inlinable
    package mutating func value(_ value: some JSONValue) {
        separate()
        value.append(to: &self)
        needsComma = true
    }

    /// A value whose JSON text exists already.
    @inlinable
    package mutating func value(json: [UInt8]) {
        separate()
        json.withUnsafeBytes { sink.append($0) }
        needsComma = true
    }

    @inlinable
    package mutating func object(_ members: (inout JSONWriter) -> Void) {
        separate()
        sink.append(UInt8(ascii: "{"))
        members(&self)
        sink.append(UInt8(ascii: "}"))
        needsComma = true
    }

    @inlinable
    package mutating func array(_ values: (inout JSONWriter) -> Void) {
        separate()
        sink.append(UInt8(ascii: "["))
        values(&self)
        sink.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// An array in which `write` writes one value for each item.
    @inlinable
    package mutating func array<Items: Sequence>(
        of items: Items, _ write: (inout JSONWriter, Items.Element) -> Void
    ) {
        array { json in
            for item in items { write(&json, item) }
        }
    }

    // MARK: Members

    @inlinable
    package mutating func member(_ name: StaticString, _ value: some JSONValue) {
        key(name)
        self.value(value)
    }

    /// A member whose value's JSON text exists already.
    @inlinable
    package mutating func member(_ name: StaticString, json: [UInt8]) {
        key(name)
        value(json: json)
    }

    /// A member whose value's JSON text exists already.
    @inlinable
    package mutating func member(_ name: StaticString, json: UnsafeRawBufferPointer) {
        key(name)
        sink.append(json)
        needsComma = true
    }

    /// A member that is a string of bytes that need no escape, such as digits.
    @inlinable
    package mutating func member(_ name: StaticString, plainText: [UInt8]) {
        key(name)
        sink.append(UInt8(ascii: "\""))
        plainText.withUnsafeBytes { sink.append($0) }
        sink.append(UInt8(ascii: "\""))
        needsComma = true
    }

    @inlinable
    package mutating func object(_ name: StaticString, _ members: (inout JSONWriter) -> Void) {
        key(name)
        object(members)
    }

    @inlinable
    package mutating func array(_ name: StaticString, _ values: (inout JSONWriter) -> Void) {
        key(name)
        array(values)
    }

    @inlinable
    package mutating func array<Items: Sequence>(
        _ name: StaticString, of items: Items, _ write: (inout JSONWriter, Items.Element) -> Void
    ) {
        key(name)
        array(of: items, write)
    }

    /// The name of a member; exactly one value must follow.
    @inlinable
    package mutating func key(_ name: StaticString) {
        separate()
        sink.append(UInt8(ascii: "\""))
        sink.append(name)
        sink.append("\":")
    }

    /// The name of a member, which may be any text; exactly one value must follow.
    @inlinable
    package mutating func key(text name: String) {
        separate()
        sink.appendJSONString(name)
        sink.append(UInt8(ascii: ":"))
    }

    /// Begins a value or a name: after this nothing precedes the next one, until it has ended.
    @inlinable
    package mutating func separate() {
        if needsComma { sink.append(UInt8(ascii: ",")) }
        needsComma = false
    }
}

extension ByteSink where Self: ~Copyable {
    /// Appends what `write` writes, which must be one JSON value.
    @inlinable
    package mutating func appendJSON(_ write: (inout JSONWriter<Self>) -> Void) {
        var json = JSONWriter(Self())
        swap(&json.sink, &self)
        write(&json)
        swap(&json.sink, &self)
    }

    @inlinable
    package mutating func appendJSON(_ value: some JSONValue) {
        appendJSON { $0.value(value) }
    }
}

extension ByteWriter {
    /// The bytes of the one JSON value that `write` writes.
    ///
    /// - Parameter capacity: about how many bytes it will have.
    package static func json(capacity: Int = 256, _ write: (inout JSONWriter<ByteWriter>) -> Void) -> [UInt8] {
        var json = JSONWriter(ByteWriter(capacity: capacity))
        write(&json)
        return json.sink.bytes
    }
}
