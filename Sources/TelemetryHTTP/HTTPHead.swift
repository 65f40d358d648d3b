import Glibc
import TelemetryBase

/// The parsed head of a request.
struct HTTPHead {
    enum Body: Equatable {
        case length(Int)
        case chunked
    }

    var request: HTTPRequest
    var body: Body
    /// The client waits for `100 Continue` before it sends the body.
    var expectsContinue: Bool
}

/// The fields that the server itself evaluates, as they arrive. Anything that leaves the end of the body ambiguous is
/// refused, because the next request begins there (RFC 9112 section 11.2).
struct HTTPFieldsOfServer {
    private var hosts = 0
    private var length: Int?
    private var isChunked = false
    private var closes = false
    private var keepsAlive = false
    private var expectsContinue = false

    mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ limits: HTTPLimits)
        throws(HTTPRefusal)
    {
        switch name.count {
        case 4 where equalsWithoutCase(name, "host"):
            hosts += 1
            guard value.isEmpty || isAuthority(value) else { throw HTTPRefusal(400, "invalid Host: \(excerpt(value))") }
        case 6 where equalsWithoutCase(name, "expect"):
            guard equalsWithoutCase(value, "100-continue") else { throw HTTPRefusal(417, "Expect: \(excerpt(value))") }
            expectsContinue = true
        case 10 where equalsWithoutCase(name, "connection"):
            for option in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: true) {
                let option = trimmed(UnsafeRawBufferPointer(rebasing: option))
                if equalsWithoutCase(option, "close") { closes = true }
                if equalsWithoutCase(option, "keep-alive") { keepsAlive = true }
            }
        case 14 where equalsWithoutCase(name, "content-length"):
            guard length == nil else { throw HTTPRefusal(400, "more than one Content-Length") }
            guard !value.isEmpty, value.allSatisfy({ $0 &- 48 < 10 }) else {
                throw HTTPRefusal(400, "invalid Content-Length: \(excerpt(value))")
            }
            guard let number = parseDecimal(value), number <= limits.maxBodyBytes else { throw .bodyTooLarge(limits) }
            length = Int(number)
        case 17 where equalsWithoutCase(name, "transfer-encoding"):
            guard !isChunked else { throw HTTPRefusal(400, "more than one Transfer-Encoding") }
            guard equalsWithoutCase(value, "chunked") else { throw Self.refusal(ofCoding: value) }
            isChunked = true
        default: break
        }
    }

    /// Unless `chunked` is the last coding and occurs once, the end of the body cannot be known (RFC 9112 section 6.3).
    private static func refusal(ofCoding value: UnsafeRawBufferPointer) -> HTTPRefusal {
        let codings = value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            .map { trimmed(UnsafeRawBufferPointer(rebasing: $0)) }
        let isLast = equalsWithoutCase(codings.last!, "chunked")
        let areTokens = codings.allSatisfy { !$0.isEmpty && $0.allSatisfy(isTokenByte) }
        guard isLast, areTokens, !codings.dropLast().contains(where: { equalsWithoutCase($0, "chunked") }) else {
            return HTTPRefusal(400, "unsupported Transfer-Encoding, chunked must be the last coding: \(excerpt(value))")
        }
        return HTTPRefusal(501, "Transfer-Encoding: \(excerpt(value))")
    }

    func body(isVersion11: Bool) throws(HTTPRefusal) -> HTTPHead.Body {
        guard hosts == 1 || (hosts == 0 && !isVersion11) else {
            throw HTTPRefusal(400, "HTTP/1.1 requires exactly one Host header; received \(hosts)")
        }
        guard isChunked else { return .length(length ?? 0) }
        guard length == nil else { throw HTTPRefusal(400, "both Content-Length and Transfer-Encoding") }
        guard isVersion11 else { throw HTTPRefusal(400, "Transfer-Encoding in HTTP/1.0") }
        return .chunked
    }

    func keepsConnection(isVersion11: Bool) -> Bool { !closes && (isVersion11 || keepsAlive) }

    /// HTTP/1.0 has no interim responses, and no client waits to send an empty body.
    func expectsContinue(isVersion11: Bool, _ body: HTTPHead.Body) -> Bool {
        expectsContinue && isVersion11 && body != .length(0)
    }
}

extension HTTPRefusal {
    init(_ status: Int, _ reason: String) {
        self.init(status: status, reason: reason)
    }

    static func bodyTooLarge(_ limits: HTTPLimits) -> HTTPRefusal {
        HTTPRefusal(413, "the body is larger than \(limits.maxBodyBytes) bytes")
    }
    static func lineTooLong(_ limits: HTTPLimits) -> HTTPRefusal {
        HTTPRefusal(414, "the request line is longer than \(limits.maxRequestLineBytes) bytes")
    }
    static func headTooLarge(_ limits: HTTPLimits) -> HTTPRefusal {
        HTTPRefusal(431, "the head is larger than \(limits.maxHeadBytes) bytes")
    }
}

// MARK: - Bytes of the grammar

/// A byte of a token (RFC 9110 section 5.6.2). The two words have one bit per ASCII character, set if it is allowed.
func isTokenByte(_ byte: UInt8) -> Bool { isIn(byte, 0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE) }

private func isIn(_ byte: UInt8, _ low: UInt64, _ high: UInt64) -> Bool {
    byte < 0x80 && (byte < 0x40 ? low : high) >> UInt64(byte & 0x3F) & 1 == 1
}

/// `host`, `host:port`, `[::1]:port` (RFC 3986 sections 3.2.2 and 3.2.3), without user information.
func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var host = bytes
    var port: Slice<UnsafeRawBufferPointer>?
    if let bracket = bytes.lastIndex(of: UInt8(ascii: "]")) {
        let rest = bytes[(bracket + 1)...]
        guard bytes.first == UInt8(ascii: "["), bracket > 1, rest.isEmpty || rest.first == UInt8(ascii: ":") else {
            return false
        }
        guard
            bytes[1..<bracket].allSatisfy({ hexValue($0) != nil || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
        else { return false }
        port = rest.dropFirst()
        host = UnsafeRawBufferPointer(rebasing: bytes[..<0])
    } else if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
        guard colon > 0 else { return false }
        port = bytes[(colon + 1)...]
        host = UnsafeRawBufferPointer(rebasing: bytes[..<colon])
    }
    // Letters, digits, `-._~`, `%` and `!$&'()*+,;=`.
    guard host.allSatisfy({ isIn($0, 0x2BFF_7FF2_0000_0000, 0x47FF_FFFE_87FF_FFFE) }) else { return false }
    return !bytes.isEmpty && (port.map { $0.count <= 5 && $0.allSatisfy { $0 &- 48 < 10 } } ?? true)
}

/// Returns the bytes without blanks at both ends.
func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    var end = bytes.count
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
}

/// An excerpt of what a client sent, safe to echo in the response: printable ASCII, of limited length.
func excerpt(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: bytes.prefix(64).map { $0 >= 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
}
