/// One complete request: its head as received, with the positions of its parts, and its body.
package struct HTTPRequest: Sendable {
    struct Field: Sendable {
        var name: Range<Int32>
        var value: Range<Int32>
    }

    /// The bytes of the head up to the empty line.
    let head: [UInt8]
    let fields: [Field]
    /// `GET`. Methods are case-sensitive (RFC 9110 section 9.1).
    package let method: String
    /// The path, still percent-encoded, in origin form: `/api/v1/gpus`. `*` for an `OPTIONS` request about the server
    /// as a whole.
    package let path: String
    /// The part after the `?`, still percent-encoded; empty if there is none.
    package let query: String
    /// `true` for HTTP/1.1, `false` for 1.0.
    package let isVersion11: Bool
    /// Whether the connection may serve another request after this one (RFC 9112 section 9.3).
    package let keepsConnection: Bool
    package var body: [UInt8] = []
    /// The client's address.
    package var peer = ""

    /// The value of a header field, the first if there are several; `nil` if there is none. Names are compared
    /// case-insensitively.
    package func header(_ name: StaticString) -> String? {
        for field in fields where matches(field.name, name) { return text(field.value) }
        return nil
    }

    /// The values of all header fields of the name, in their order.
    package func headers(_ name: StaticString) -> [String] {
        fields.filter { matches($0.name, name) }.map { text($0.value) }
    }

    private func text(_ range: Range<Int32>) -> String {
        String(decoding: head[Int(range.lowerBound)..<Int(range.upperBound)], as: UTF8.self)
    }

    private func matches(_ range: Range<Int32>, _ name: StaticString) -> Bool {
        head.withUnsafeBytes { head in
            equalsWithoutCase(
                UnsafeRawBufferPointer(rebasing: head[Int(range.lowerBound)..<Int(range.upperBound)]), name)
        }
    }
}

/// Compares ASCII letters case-insensitively, and everything else exactly. The text must be in lower case.
func equalsWithoutCase(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for i in 0..<bytes.count {
        let byte = bytes[i]
        let small = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
        if small != text.utf8Start[i] { return false }
    }
    return true
}
