/// A value that a ``JSONWriter`` can write.
@usableFromInline
package protocol JSONValue {
    /// Writes exactly one JSON value.
    func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>)
}

extension String: JSONValue {
    @inlinable
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.sink.appendJSONString(self)
    }
}

extension Bool: JSONValue {
    @inlinable
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        if self { json.sink.append("true") } else { json.sink.append("false") }
    }
}

extension Int: JSONValue {
    @inlinable
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        Int64(self).append(to: &json)
    }
}

extension Int64: JSONValue {
    @inlinable
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        if self < 0 { json.sink.append(UInt8(ascii: "-")) }
        json.sink.appendDecimal(magnitude)
    }
}

/// `null` for what JSON has no number for.
extension Double: JSONValue {
    @inlinable
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        if isFinite { json.sink.appendDouble(self) } else { json.sink.append("null") }
    }
}

/// `null` for `nil`.
extension Optional: JSONValue where Wrapped: JSONValue {
    @inlinable
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        if let self { self.append(to: &json) } else { json.sink.append("null") }
    }
}

extension Array: JSONValue where Element: JSONValue {
    @inlinable
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.array(of: self) { $0.value($1) }
    }
}
