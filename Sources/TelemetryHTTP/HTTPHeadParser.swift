import Glibc
import TelemetryBase

/// Parses a request's head, from its first byte to its empty line, with each line ended by CRLF.
struct HTTPHeadParser {
    let limits: HTTPLimits

    package func parse(_ head: UnsafeRawBufferPointer) throws(HTTPRefusal) -> HTTPHead {
        var end = lineEnd(head, 0)
        let line = try RequestLine(UnsafeRawBufferPointer(rebasing: head[..<end]))
        var fields: [HTTPRequest.Field] = []
        fields.reserveCapacity(16)
        var server = HTTPFieldsOfServer()
        while true {
            let start = end + 2
            end = lineEnd(head, start)
            if end == start { break }
            guard fields.count < limits.maxFieldCount else {
                throw HTTPRefusal(431, "more than \(limits.maxFieldCount) header fields")
            }
            let (name, value) = try Self.field(UnsafeRawBufferPointer(rebasing: head[start..<end]))
            try server.take(name, value, limits)
            fields.append(HTTPRequest.Field(name: range(of: name, in: head), value: range(of: value, in: head)))
        }
        let isVersion11 = line.isVersion11
        let body = try server.body(isVersion11: isVersion11)
        let request = HTTPRequest(
            head: [UInt8](head), fields: fields, method: line.method, path: line.path, query: line.query,
            isVersion11: isVersion11,
            keepsConnection: server.keepsConnection(isVersion11: isVersion11))
        return HTTPHead(
            request: request, body: body, expectsContinue: server.expectsContinue(isVersion11: isVersion11, body))
    }

    /// The index at which the line's CRLF begins.
    private func lineEnd(_ head: UnsafeRawBufferPointer, _ start: Int) -> Int {
        let found = memchr(head.baseAddress! + start, 0x0A, head.count - start)!
        return head.baseAddress!.distance(to: UnsafeRawPointer(found)) - 1
    }

    private func range(of part: UnsafeRawBufferPointer, in head: UnsafeRawBufferPointer) -> Range<Int32> {
        let start = Int32(head.baseAddress!.distance(to: part.baseAddress!))
        return start..<start + Int32(part.count)
    }

    /// Parses the name and value of a non-empty line; also used for trailer fields.
    static func field(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) -> (
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        guard line[0] != 0x20, line[0] != 0x09 else { throw HTTPRefusal(400, "folded header fields are not supported") }
        var colon = 0
        while colon < line.count, isTokenByte(line[colon]) { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else {
            throw HTTPRefusal(400, "invalid header field: \(excerpt(line))")
        }
        let value = trimmed(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
        for byte in value where byte < 0x20 && byte != 0x09 || byte == 0x7F {
            throw HTTPRefusal(400, "a control character in a header field")
        }
        return (UnsafeRawBufferPointer(rebasing: line[..<colon]), value)
    }
}

/// `GET /path?query HTTP/1.1`
private struct RequestLine {
    let method: String
    let path: String
    let query: String
    let isVersion11: Bool

    init(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) {
        var space = 0
        while space < line.count, isTokenByte(line[space]) { space += 1 }
        var second = space + 1
        while second < line.count, line[second] > 0x20, line[second] < 0x7F, line[second] != UInt8(ascii: "#") {
            second += 1
        }
        guard space > 0, second > space + 1, second < line.count, line[space] == 0x20, line[second] == 0x20 else {
            throw HTTPRefusal(400, "invalid request line: \(excerpt(line))")
        }
        isVersion11 = try Self.isVersion11(UnsafeRawBufferPointer(rebasing: line[(second + 1)...]))
        method = String(decoding: line[..<space], as: UTF8.self)
        let target = UnsafeRawBufferPointer(rebasing: line[(space + 1)..<second])
        let rest = try Self.originForm(of: target, method)
        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        let path = String(decoding: rest[..<(mark ?? rest.count)], as: UTF8.self)
        self.path = path.isEmpty ? "/" : path
        query = mark.map { String(decoding: rest[($0 + 1)...], as: UTF8.self) } ?? ""
    }

    /// A later version 1.x is treated as 1.1, with which it must be compatible (RFC 9110 section 2.5).
    private static func isVersion11(_ text: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Bool {
        guard text.count == 8, text.prefix(5).elementsEqual("HTTP/".utf8), text[6] == UInt8(ascii: "."),
            text[5] &- 48 < 10, text[7] &- 48 < 10
        else { throw HTTPRefusal(400, "invalid HTTP version: \(excerpt(text))") }
        guard text[5] == UInt8(ascii: "1") else { throw HTTPRefusal(505, "\(excerpt(text)) is not supported") }
        return text[7] != UInt8(ascii: "0")
    }

    /// Returns path and query of a target in one of the forms of RFC 9112 section 3.2.
    private static func originForm(of target: UnsafeRawBufferPointer, _ method: String) throws(HTTPRefusal)
        -> UnsafeRawBufferPointer
    {
        if method == "CONNECT" { throw HTTPRefusal(501, "CONNECT is not supported") }
        if target[0] == UInt8(ascii: "/") { return target }
        if target.count == 1, target[0] == UInt8(ascii: "*"), method == "OPTIONS" { return target }
        for scheme in ["http://", "https://"] as [StaticString] {
            let count = scheme.utf8CodeUnitCount
            guard target.count > count, equalsWithoutCase(UnsafeRawBufferPointer(rebasing: target[..<count]), scheme)
            else { continue }
            let end = target[count...].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? target.count
            guard isAuthority(UnsafeRawBufferPointer(rebasing: target[count..<end])) else { break }
            return UnsafeRawBufferPointer(rebasing: target[end...])
        }
        throw HTTPRefusal(400, "invalid request target: \(excerpt(target))")
    }
}
