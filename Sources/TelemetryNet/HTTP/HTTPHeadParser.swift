import Glibc

/// Reads a request's head, from its first byte to its empty line, each line ended by CRLF.
struct HTTPHeadParser {
    let limits: HTTPLimits

    func parse(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> HTTPRequest {
        let head = [UInt8](bytes)
        var lineStart = 0
        let requestLine = nextLine(head, &lineStart)
        guard requestLine.count <= limits.maxRequestLineBytes else {
            throw HTTPRefusal(status: 414, reason: "the request line is longer than \(limits.maxRequestLineBytes) bytes")
        }
        let (method, target, isVersion11) = try parseRequestLine(head[requestLine])
        var fields: [HTTPRequest.Field] = []
        while true {
            let line = nextLine(head, &lineStart)
            if line.isEmpty { break }
            guard fields.count < limits.maxFieldCount else {
                throw HTTPRefusal(status: 431, reason: "more than \(limits.maxFieldCount) header fields")
            }
            fields.append(try parseField(head, line))
        }
        let (path, query) = try split(target)
        let request = HTTPRequest(
            head: head, fields: fields, method: method, path: path, query: query, isVersion11: isVersion11, body: [], peer: "")
        let hosts = request.values("host")
        guard hosts.count == 1 || (hosts.isEmpty && !isVersion11) else {
            throw HTTPRefusal(status: 400, reason: "HTTP/1.1 asks for one Host field; there are \(hosts.count)")
        }
        return request
    }

    /// The line without its CRLF.
    private func nextLine(_ head: [UInt8], _ start: inout Int) -> Range<Int> {
        var end = start
        while head[end] != 0x0A { end += 1 }
        defer { start = end + 1 }
        return start..<end - 1
    }

    private func parseRequestLine(_ line: ArraySlice<UInt8>) throws(HTTPRefusal) -> (method: String, target: String, isVersion11: Bool) {
        let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[0].allSatisfy(isTokenByte), !parts[1].isEmpty,
            parts[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw HTTPRefusal(status: 400, reason: "not a request line") }
        let isVersion11: Bool
        switch String(decoding: parts[2], as: UTF8.self) {
        case "HTTP/1.1": isVersion11 = true
        case "HTTP/1.0": isVersion11 = false
        case let version where version.hasPrefix("HTTP/"): throw HTTPRefusal(status: 505, reason: "\(version) is not served")
        default: throw HTTPRefusal(status: 400, reason: "not a request line")
        }
        return (String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self), isVersion11)
    }

    private func parseField(_ head: [UInt8], _ line: Range<Int>) throws(HTTPRefusal) -> HTTPRequest.Field {
        guard head[line.lowerBound] != 0x20, head[line.lowerBound] != 0x09 else {
            throw HTTPRefusal(status: 400, reason: "a folded header field")
        }
        guard let colon = head[line].firstIndex(of: UInt8(ascii: ":")), colon > line.lowerBound,
            head[line.lowerBound..<colon].allSatisfy(isTokenByte)
        else { throw HTTPRefusal(status: 400, reason: "not a header field") }
        var value = colon + 1..<line.upperBound
        while let first = value.first, head[first] == 0x20 || head[first] == 0x09 { value.removeFirst() }
        while let last = value.last, head[last] == 0x20 || head[last] == 0x09 { value.removeLast() }
        guard head[value].allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
            throw HTTPRefusal(status: 400, reason: "a control character in a header field")
        }
        return HTTPRequest.Field(name: line.lowerBound..<colon, value: value)
    }

    /// Path and query of a target in origin or absolute form.
    private func split(_ target: String) throws(HTTPRefusal) -> (path: String, query: String) {
        var rest = Substring(target)
        if target == "*" { return ("*", "") }
        if !rest.hasPrefix("/") {
            guard let scheme = rest.firstRange(of: "://"), !rest[..<scheme.lowerBound].contains("/") else {
                throw HTTPRefusal(status: 400, reason: "not a request target")
            }
            rest = rest[scheme.upperBound...]
            rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
        }
        guard let mark = rest.firstIndex(of: "?") else { return (String(rest), "") }
        return (String(rest[..<mark]), String(rest[rest.index(after: mark)...]))
    }
}

/// A byte of a token (RFC 9110 section 5.6.2).
private func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: memchr("!#$%&'*+-.^_`|~", Int32(byte), 15) != nil
    }
}
