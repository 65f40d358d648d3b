import TelemetryBase

/// The members of one JSON object by name, so that they can be read in any order.
///
/// Members that are not read are validated as JSON and otherwise ignored: a later version may add some.
struct JSONMembers {
    let json: UnsafeRawBufferPointer
    /// The name for messages: `samples`.
    let name: String
    private var ranges: [(key: JSONText, value: Range<Int>)] = []

    init(
        _ json: UnsafeRawBufferPointer, _ range: Range<Int>, of name: String, wholeText: Bool = false
    ) throws(BatchError) {
        self.json = json
        self.name = name
        do throws(JSONError) {
            var reader = JSONReader(UnsafeRawBufferPointer(rebasing: json[range]))
            try reader.beginObject()
            while let key = try reader.nextKey() {
                let value = try reader.skipValue()
                ranges.append((key, value.lowerBound + range.lowerBound..<value.upperBound + range.lowerBound))
            }
            if wholeText { try reader.finish() }
        } catch {
            throw BatchError(error, from: range.lowerBound)
        }
    }

    /// The bytes of a member; `nil` if there is none.
    func optional(_ key: StaticString) throws(BatchError) -> Range<Int>? {
        var found: Range<Int>?
        for (name, value) in ranges where name == key {
            guard found == nil else {
                throw BatchError(offset: value.lowerBound, reason: "\(self.name) has \(key) twice")
            }
            found = value
        }
        return found
    }

    func required(_ key: StaticString) throws(BatchError) -> Range<Int> {
        guard let range = try optional(key) else { throw BatchError(reason: "\(name) has no \(key)") }
        return range
    }

    func members(_ key: StaticString) throws(BatchError) -> JSONMembers {
        try JSONMembers(json, try required(key), of: key.description)
    }

    func optionalString(_ key: StaticString) throws(BatchError) -> String? {
        guard let range = try optional(key) else { return nil }
        return try read(range) { reader throws(JSONError) in try reader.readString() }
    }

    func string(_ key: StaticString) throws(BatchError) -> String {
        try read(try required(key)) { reader throws(JSONError) in try reader.readString() }
    }

    func time(_ key: StaticString) throws(BatchError) -> Timestamp {
        let range = try required(key)
        let text = try string(key)
        do throws(TimestampFormatError) {
            return try Timestamp(rfc3339: text)
        } catch {
            throw BatchError(offset: range.lowerBound, reason: "\(key) is \(error)")
        }
    }

    /// Reads one member's value.
    func read<Value>(
        _ range: Range<Int>, _ body: (inout JSONReader) throws(JSONError) -> Value
    ) throws(BatchError) -> Value {
        var reader = JSONReader(UnsafeRawBufferPointer(rebasing: json[range]))
        do throws(JSONError) {
            return try body(&reader)
        } catch {
            throw BatchError(error, from: range.lowerBound)
        }
    }
}

extension JSONReader {
    /// The text is valid JSON with invalid content.
    func failure(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }
}
