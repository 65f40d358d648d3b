import Glibc

/// One request, whole: its head as received, with places of its parts, and its body.
package struct HTTPRequest: Sendable {
    struct Field: Sendable {
        var name: Range<Int>
        var value: Range<Int>
    }

    /// The bytes up to the empty line.
    let head: [UInt8]
    let fields: [Field]
    /// `GET`. Methods are case-sensitive (RFC 9110 section 9.1).
    package let method: String
    /// The path, still percent-encoded, in origin form: `/api/v1/gpus`.
    package let path: String
    /// Behind the `?`, still percent-encoded; empty where there is none.
    package let query: String
    /// HTTP/1.1, or else 1.0.
    package let isVersion11: Bool
    package var body: [UInt8]
    /// Who sent it.
    package var peer: String

    /// The value of a header field, the first of several; `nil` where it is not there. Names are compared without case.
    package func header(_ name: StaticString) -> String? {
        for field in fields where matches(field.name, name) {
            return String(decoding: head[field.value], as: UTF8.self)
        }
        return nil
    }

    func values(_ name: StaticString) -> [String] {
        fields.filter { matches($0.name, name) }.map { String(decoding: head[$0.value], as: UTF8.self) }
    }

    private func matches(_ range: Range<Int>, _ name: StaticString) -> Bool {
        guard range.count == name.utf8CodeUnitCount else { return false }
        for i in 0..<range.count where head[range.lowerBound + i] | 0x20 != name.utf8Start[i] | 0x20 { return false }
        return true
    }

    /// Whether a comma-separated list in a header field has the token, without case.
    func listed(_ name: StaticString, _ token: String) -> Bool {
        values(name).contains { value in
            value.split(separator: ",").contains { asciiLowercased(trimmed($0)) == token }
        }
    }

    /// The connection may serve another request after this one (RFC 9112 section 9.3).
    var keepsConnection: Bool {
        isVersion11 ? !listed("connection", "close") : listed("connection", "keep-alive")
    }
}

private func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.utf8.first, first == 0x20 || first == 0x09 { text.removeFirst() }
    while let last = text.utf8.last, last == 0x20 || last == 0x09 { text.removeLast() }
    return text
}

private func asciiLowercased(_ text: Substring) -> String {
    String(decoding: text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
}
