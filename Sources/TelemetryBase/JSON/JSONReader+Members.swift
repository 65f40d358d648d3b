extension JSONReader {
    /// Reads an object. `member` gets each name in turn and must read or skip its value.
    package mutating func readObject(
        _ member: (_ name: JSONText, _ reader: inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        try beginObject()
        while let name = try nextKey() { try member(name, &self) }
    }

    /// Reads an array. `element` is called once for each value and must read or skip it.
    package mutating func readArray(
        _ element: (_ reader: inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) {
        try beginArray()
        while try nextElement() { try element(&self) }
    }
}
