import Glibc
import TelemetryBase

/// The limits of the requests that a server accepts.
package struct HTTPLimits: Sendable {
    /// The maximum length of the request line in bytes; a longer one is refused with 414.
    package var maxRequestLineBytes = 8192
    /// The maximum size of the whole head in bytes; a larger one is refused with 431. The limit also applies to the
    /// trailers and chunk extensions of a request together.
    package var maxHeadBytes = 32 * 1024
    package var maxFieldCount = 100
    /// The maximum size of a body in bytes; a larger one is refused with 413.
    package var maxBodyBytes = 1 << 20

    package init() {}
}

/// The reason why a request is refused; the connection is closed after the response, because its framing cannot be
/// trusted.
package struct HTTPRefusal: Error, Equatable {
    package var status: Int
    package var reason: String
}

/// Parses requests from received bytes according to RFC 9112. A value that performs no I/O: the result does not depend
/// on how the bytes are split.
///
/// Anything ambiguous is refused: bare line feeds, folded fields, space before the colon, two lengths.
package struct HTTPRequestParser {
    package enum Step {
        /// More bytes are needed; `used` of the given bytes were consumed.
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

    /// The maximum memory reserved for a body whose length is announced; more is allocated as the body arrives.
    private static let reserved = 64 * 1024

    private static let maxEmptyLines = 16

    let limits: HTTPLimits
    private var state = State.head
    private var request: HTTPRequest?
    /// Bytes of the head that were already searched for its end.
    private var searched = 0
    private var hasRequestLine = false
    private var emptyLines = 0
    /// Bytes of a chunked body that carry no content: extensions and trailers.
    private var idleBytes = 0

    package init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Whether a part of a request has been read.
    var isWithinRequest: Bool { request != nil }
    /// Bytes of the request that is still incomplete.
    var heldBytes: Int { request.map { $0.head.count + $0.body.count } ?? 0 }

    /// Continues at the front of `bytes` and sets `used` to the number of bytes consumed. After an error nothing more
    /// can be read.
    package mutating func parse(_ bytes: UnsafeRawBufferPointer, used: inout Int) throws(HTTPRefusal) -> Step {
        used = 0
        while true {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[used...])
            switch state {
            case .head:
                // Empty lines before a request are ignored (RFC 9112 section 2.2), but a peer that sends nothing else
                // is not an HTTP client.
                if rest.count >= 2, rest[0] == 0x0D, rest[1] == 0x0A {
                    emptyLines += 1
                    guard emptyLines <= Self.maxEmptyLines else {
                        throw HTTPRefusal(400, "more than \(Self.maxEmptyLines) empty lines")
                    }
                    used += 2
                    continue
                }
                guard let end = try headEnd(rest) else { return .needsMore }
                let head = try HTTPHeadParser(limits: limits).parse(UnsafeRawBufferPointer(rebasing: rest[..<end]))
                used += end
                searched = 0
                hasRequestLine = false
                emptyLines = 0
                if head.body == .length(0) { return .request(head.request) }
                request = head.request
                switch head.body {
                case .length(let length):
                    state = .body(remaining: length)
                    request!.body.reserveCapacity(min(length, Self.reserved))
                case .chunked: state = .chunkSize
                }
                // A client that sends the body without waiting does not need the response (RFC 9110 section 10.1.1).
                if head.expectsContinue, used == bytes.count { return .expectsContinue }
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
                let (size, extensionBytes) = try chunkSize(line)
                used += line.count + 2
                try takeIdleBytes(extensionBytes)
                guard request!.body.count + size <= limits.maxBodyBytes else { throw .bodyTooLarge(limits) }
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
                // The first wrong byte is enough: the second may never arrive.
                if let first = rest.first, first != 0x0D { throw HTTPRefusal(400, "a chunk is longer than its size") }
                guard rest.count >= 2 else { return .needsMore }
                guard rest[1] == 0x0A else { throw HTTPRefusal(400, "a chunk is longer than its size") }
                used += 2
                state = .chunkSize
            case .trailer:
                guard let line = try line(rest, limit: limits.maxHeadBytes, what: "trailer") else { return .needsMore }
                used += line.count + 2
                if line.isEmpty { return finish() }
                // Trailers are validated and dropped: no field that is known here may be in a trailer (RFC 9110 section
                // 6.5.1).
                try takeIdleBytes(line.count + 2)
                _ = try HTTPHeadParser.field(line)
            }
        }
    }

    private mutating func finish() -> Step {
        let whole = request!
        request = nil
        state = .head
        idleBytes = 0
        return .request(whole)
    }

    private mutating func takeIdleBytes(_ count: Int) throws(HTTPRefusal) {
        idleBytes += count
        guard idleBytes <= limits.maxHeadBytes else {
            throw HTTPRefusal(431, "chunk extensions and trailers are more than \(limits.maxHeadBytes) bytes")
        }
    }

    /// The number of bytes up to and including the empty line.
    private mutating func headEnd(_ bytes: UnsafeRawBufferPointer) throws(HTTPRefusal) -> Int? {
        let window = min(bytes.count, limits.maxHeadBytes)
        var at = max(0, searched - 3)
        while at < window, let found = memchr(bytes.baseAddress! + at, 0x0A, window - at) {
            let lineFeed = bytes.baseAddress!.distance(to: UnsafeRawPointer(found))
            guard hasRequestLine || lineFeed <= limits.maxRequestLineBytes + 1 else { throw .lineTooLong(limits) }
            hasRequestLine = true
            guard lineFeed > 0, bytes[lineFeed - 1] == 0x0D else { throw HTTPRefusal(400, "a line ends without CR") }
            if lineFeed >= 3, bytes[lineFeed - 2] == 0x0A { return lineFeed + 1 }
            at = lineFeed + 1
        }
        searched = window
        guard hasRequestLine || window <= limits.maxRequestLineBytes + 1 else { throw .lineTooLong(limits) }
        guard bytes.count < limits.maxHeadBytes else { throw .headTooLarge(limits) }
        return nil
    }

    /// The bytes before the next CRLF.
    private func line(_ bytes: UnsafeRawBufferPointer, limit: Int, what: StaticString) throws(HTTPRefusal)
        -> UnsafeRawBufferPointer?
    {
        guard let start = bytes.baseAddress, let found = memchr(start, 0x0A, bytes.count) else {
            guard bytes.count <= limit else { throw HTTPRefusal(400, "a \(what) line is longer than \(limit) bytes") }
            return nil
        }
        let lineFeed = start.distance(to: UnsafeRawPointer(found))
        guard lineFeed <= limit else { throw HTTPRefusal(400, "a \(what) line is longer than \(limit) bytes") }
        guard lineFeed > 0, bytes[lineFeed - 1] == 0x0D else {
            throw HTTPRefusal(400, "a \(what) line ends without CR")
        }
        return UnsafeRawBufferPointer(rebasing: bytes[..<(lineFeed - 1)])
    }

    /// Returns the size, and the length of the extension after it, which is ignored.
    private func chunkSize(_ line: UnsafeRawBufferPointer) throws(HTTPRefusal) -> (size: Int, extensionBytes: Int) {
        var size = 0
        var digits = 0
        while digits < line.count, let nibble = hexValue(line[digits]) {
            // The size is already above any limit; stopping here avoids an overflow.
            guard digits < 15 else { throw .bodyTooLarge(limits) }
            size = size << 4 | Int(nibble)
            digits += 1
        }
        let rest = UnsafeRawBufferPointer(rebasing: line[digits...])
        guard digits > 0, isChunkExtension(rest) else {
            throw HTTPRefusal(400, "not a valid chunk size: \(excerpt(line))")
        }
        return (size, rest.count)
    }
}
