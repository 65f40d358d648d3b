import Glibc

/// What a server accepts.
package struct HTTPLimits: Sendable {
    /// Bytes of the request line; a longer one is answered with 414.
    package var maxRequestLineBytes = 8192
    /// Bytes of the whole head; a larger one is answered with 431.
    package var maxHeadBytes = 32 * 1024
    package var maxFieldCount = 100
    /// Bytes of a body; a larger one is answered with 413.
    package var maxBodyBytes = 1 << 20

    package init() {}
}

/// Why a request is refused; the connection is closed behind the answer, since its framing is not to be trusted.
struct HTTPRefusal: Error, Equatable {
    var status: Int
    var reason: String
}

/// Reads requests from received bytes by RFC 9112. A value with no input or output of its own.
///
/// What leaves room for two readings is refused: bare line feeds, folded fields, space before the colon, two lengths.
struct HTTPRequestParser {
    enum Step {
        /// More bytes are needed; `used` of those given are taken.
        case needsMore
        /// The client waits for `100 Continue` before it sends the body.
        case expectsContinue
        case request(HTTPRequest)
    }

    private enum State {
        case head
        case body(remaining: Int)
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailer
    }

    let limits: HTTPLimits
    private var state = State.head
    private var request: HTTPRequest?
    /// Bytes of the head in which no end was found.
    private var searched = 0
    private var trailerBytes = 0

    init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Whether a part of a request has been read.
    var isWithinRequest: Bool { request != nil }

    /// Reads on from the front of `bytes` and sets `used` to the number that it took.
    mutating func parse(_ bytes: UnsafeRawBufferPointer, used: inout Int) throws(HTTPRefusal) -> Step {
        used = 0
        while true {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
            switch state {
            case .head:
                // Empty lines before a request are ignored (RFC 9112 section 2.2).
                if rest.count >= 2, rest[0] == 0x0D, rest[1] == 0x0A {
                    used += 2
                    continue
                }
                guard let end = try headEnd(rest) else { return .needsMore }
                request = try HTTPHeadParser(limits: limits).parse(UnsafeRawBufferPointer(rebasing: rest[..<end]))
                used += end
                searched = 0
                if try beginBody() { return .expectsContinue }
            case .body(let remaining):
                let count = min(remaining, rest.count)
                request!.body.append(contentsOf: rest[..<count])
                used += count
                guard count == remaining else {
                    state = .body(remaining: remaining - count)
                    return .needsMore
                }
                return finish()
            case .chunkSize:
                guard let line = try line(rest, limit: 256, what: "chunk size") else { return .needsMore }
                let size = try chunkSize(line)
                used += line.count + 2
                guard request!.body.count + size <= limits.maxBodyBytes else { throw tooLarge }
                state = size == 0 ? .trailer : .chunkData(remaining: size)
            case .chunkData(let remaining):
                let count = min(remaining, rest.count)
                request!.body.append(contentsOf: rest[..<count])
                used += count
                guard count == remaining else {
                    state = .chunkData(remaining: remaining - count)
                    return .needsMore
                }
                state = .chunkEnd
            case .chunkEnd:
                guard rest.count >= 2 else { return .needsMore }
                guard rest[0] == 0x0D, rest[1] == 0x0A else { throw HTTPRefusal(status: 400, reason: "a chunk is longer than its size") }
                used += 2
                state = .chunkSize
            case .trailer:
                guard let line = try line(rest, limit: limits.maxHeadBytes - trailerBytes, what: "trailer") else { return .needsMore }
                used += line.count + 2
                trailerBytes += line.count + 2
                if line.isEmpty { return finish() }
            }
        }
    }

    private mutating func finish() -> Step {
        let whole = request!
        request = nil
        state = .head
        trailerBytes = 0
        return .request(whole)
    }

    private var tooLarge: HTTPRefusal { HTTPRefusal(status: 413, reason: "the body is larger than \(limits.maxBodyBytes) bytes") }

    /// The number of bytes up to and including the empty line.
    private mutating func headEnd(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int? {
        var at = max(0, searched - 3)
        while at < bytes.count, let found = memchr(bytes.baseAddress! + at, 0x0A, bytes.count - at) {
            let lineFeed = bytes.baseAddress!.distance(to: UnsafeRawPointer(found))
            guard lineFeed > 0, bytes[lineFeed - 1] == 0x0D else { throw HTTPRefusal(status: 400, reason: "a line ends without CR") }
            if lineFeed >= 3, bytes[lineFeed - 2] == 0x0A {
                guard lineFeed + 1 <= limits.maxHeadBytes else { throw headTooLarge }
                return lineFeed + 1
            }
            at = lineFeed + 1
        }
        searched = bytes.count
        let firstLine = memchr(bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!, 0x0A, min(bytes.count, limits.maxRequestLineBytes))
        if firstLine == nil, bytes.count >= limits.maxRequestLineBytes { throw HTTPRefusal(status: 414, reason: "the request line is too long") }
        if bytes.count >= limits.maxHeadBytes { throw headTooLarge }
        return nil
    }

    private var headTooLarge: HTTPRefusal { HTTPRefusal(status: 431, reason: "the head is larger than \(limits.maxHeadBytes) bytes") }

    /// Finds out how the body is framed; returns whether the client waits for a word.
    private mutating func beginBody() throws(HTTPRefusal) -> Bool {
        let head = request!
        let codings = head.values("transfer-encoding")
        let lengths = head.values("content-length")
        if !codings.isEmpty {
            guard lengths.isEmpty else { throw HTTPRefusal(status: 400, reason: "both Content-Length and Transfer-Encoding") }
            guard head.isVersion11 else { throw HTTPRefusal(status: 400, reason: "Transfer-Encoding in HTTP/1.0") }
            guard codings.count == 1, codings[0].lowercased() == "chunked" else {
                throw HTTPRefusal(status: 501, reason: "transfer coding \(codings.joined(separator: ", "))")
            }
            state = .chunkSize
        } else {
            let distinct = Set(lengths)
            guard distinct.count <= 1 else { throw HTTPRefusal(status: 400, reason: "differing Content-Length") }
            var length = 0
            if let text = distinct.first {
                guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
                    throw HTTPRefusal(status: 400, reason: "Content-Length \(text)")
                }
                guard let value = Int(text), value <= limits.maxBodyBytes else { throw tooLarge }
                length = value
            }
            state = .body(remaining: length)
            if length == 0 { return false }
            request!.body.reserveCapacity(length)
        }
        return head.isVersion11 && head.listed("expect", "100-continue")
    }

    /// The bytes before the next CRLF.
    private func line(_ bytes: UnsafeRawBufferPointer, limit: Int, what: String) throws(HTTPRefusal) -> UnsafeRawBufferPointer? {
        guard let start = bytes.baseAddress, let found = memchr(start, 0x0A, bytes.count) else {
            guard bytes.count <= limit else { throw HTTPRefusal(status: 400, reason: "the \(what) is too long") }
            return nil
        }
        let lineFeed = start.distance(to: UnsafeRawPointer(found))
        guard lineFeed > 0, bytes[lineFeed - 1] == 0x0D else { throw HTTPRefusal(status: 400, reason: "a \(what) line ends without CR") }
        guard lineFeed <= limit else { throw HTTPRefusal(status: 400, reason: "the \(what) is too long") }
        return UnsafeRawBufferPointer(rebasing: bytes[..<(lineFeed - 1)])
    }

    private func chunkSize(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int {
        var size = 0
        var digits = 0
        var at = 0
        while at < line.count, let nibble = hexValue(line[at]) {
            digits += 1
            guard digits <= 15 else { throw tooLarge }
            size = size << 4 | Int(nibble)
            at += 1
        }
        // An extension follows a semicolon, and means nothing here.
        guard digits > 0, at == line.count || line[at] == UInt8(ascii: ";") else {
            throw HTTPRefusal(status: 400, reason: "not a chunk size: \(String(decoding: line.prefix(32), as: UTF8.self))")
        }
        return size
    }
}
