import TelemetryHTTP

/// Requests read line by line by the words of RFC 9112, and of what `HTTPRequestParser` promises to refuse beyond it.
enum NaiveHTTP {
    struct Request: Equatable, CustomStringConvertible {
        var method: String
        var path: String
        var query: String
        var isVersion11: Bool
        var keepsConnection: Bool
        var body: [UInt8]

        var description: String {
            "\(method) \(path)?\(query) \(isVersion11 ? "1.1" : "1.0")\(keepsConnection ? "" : " close") \(quoted(body))"
        }
    }

    private enum Stop: Error { case refused, incomplete }

    private struct Reader {
        let bytes: [UInt8]
        let limits: HTTPLimits
        var at = 0

        /// The line at `at`, without its CRLF; it must end within the next `window` bytes.
        mutating func line(within window: Int) throws(Stop) -> [UInt8] {
            guard let lineFeed = bytes[at...].firstIndex(of: 10), lineFeed - at < window else {
                throw bytes.count - at >= window ? .refused : .incomplete
            }
            guard lineFeed > at, bytes[lineFeed - 1] == 13 else { throw .refused }
            defer { at = lineFeed + 1 }
            return Array(bytes[at..<lineFeed - 1])
        }

        mutating func take(_ count: Int) throws(Stop) -> [UInt8] {
            guard bytes.count - at >= count else { throw .incomplete }
            defer { at += count }
            return Array(bytes[at..<at + count])
        }
    }

    static func read(_ bytes: [UInt8], _ limits: HTTPLimits) -> (requests: [Request], isRefused: Bool) {
        var reader = Reader(bytes: bytes, limits: limits)
        var requests: [Request] = []
        do throws(Stop) {
            while true { requests.append(try request(&reader)) }
        } catch {
            return (requests, error == .refused)
        }
    }

    private static func request(_ reader: inout Reader) throws(Stop) -> Request {
        var emptyLines = 0
        while reader.bytes[reader.at...].starts(with: [13, 10]) {
            reader.at += 2
            emptyLines += 1
            guard emptyLines <= 16 else { throw .refused }
        }
        let limits = reader.limits
        let start = reader.at
        let first = try reader.line(within: min(limits.maxRequestLineBytes + 2, limits.maxHeadBytes))
        var fields: [(name: String, value: [UInt8])] = []
        while true {
            let line = try reader.line(within: limits.maxHeadBytes - (reader.at - start))
            if line.isEmpty { break }
            fields.append((String(decoding: line, as: UTF8.self), line))
        }
        guard fields.count <= limits.maxFieldCount else { throw .refused }
        for i in fields.indices { fields[i] = try field(fields[i].value) }
        return try request(&reader, try requestLine(first), fields)
    }

    private static func field(_ line: [UInt8]) throws(Stop) -> (name: String, value: [UInt8]) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), isToken(line[..<colon]) else { throw .refused }
        let value = trimmed(line[(colon + 1)...])
        guard value.allSatisfy({ $0 == 9 || ($0 > 31 && $0 != 127) }) else { throw .refused }
        return (String(decoding: line[..<colon].map(small), as: UTF8.self), value)
    }

    private static func requestLine(_ line: [UInt8]) throws(Stop) -> Request {
        let words = line.split(separator: 32, omittingEmptySubsequences: false)
        guard words.count == 3, isToken(words[0]),
            words[1].allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "#") })
        else { throw .refused }
        guard let version = text(words[2]).wholeMatch(of: /HTTP\/1\.([0-9])/) else { throw .refused }
        let (method, target) = (text(words[0]), text(words[1]))
        guard method != "CONNECT" else { throw .refused }
        var rest = Substring(target)
        if let absolute = target.wholeMatch(of: /[Hh][Tt][Tt][Pp][Ss]?:\/\/([^\/?]*)(.*)/) {
            guard isAuthority(String(absolute.1)) else { throw .refused }
            rest = absolute.2
        } else if !target.hasPrefix("/"), target != "*" || method != "OPTIONS" {
            throw .refused
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        return Request(
            method: method, path: parts[0].isEmpty ? "/" : String(parts[0]),
            query: parts.count > 1 ? String(parts[1]) : "",
            isVersion11: version.1 != "0", keepsConnection: true, body: [])
    }

    private static func request(
        _ reader: inout Reader, _ line: Request, _ fields: [(name: String, value: [UInt8])]
    ) throws(Stop) -> Request {
        var request = line
        func values(_ name: String) -> [[UInt8]] { fields.filter { $0.name == name }.map { $0.value } }
        let hosts = values("host")
        guard hosts.count == 1 || (hosts.isEmpty && !line.isVersion11),
            hosts.allSatisfy({ $0.isEmpty || isAuthority(text($0)) })
        else { throw .refused }
        guard values("expect").allSatisfy({ text($0.map(small)) == "100-continue" }) else { throw .refused }
        let options: [String] = values("connection").flatMap { $0.split(separator: UInt8(ascii: ",")) }.map {
            text(trimmed($0).map(small))
        }
        request.keepsConnection = !options.contains("close") && (line.isVersion11 || options.contains("keep-alive"))

        let lengths = values("content-length")
        let codings = values("transfer-encoding")
        guard lengths.count + codings.count <= 1 else { throw .refused }
        if let coding = codings.first {
            guard coding.map(small).elementsEqual("chunked".utf8), line.isVersion11 else { throw .refused }
            request.body = try chunks(&reader)
        } else if let length = lengths.first {
            guard !length.isEmpty, length.allSatisfy({ (48...57).contains($0) }) else { throw .refused }
            guard let count = Int(text(length)), count <= reader.limits.maxBodyBytes else { throw .refused }
            request.body = try reader.take(count)
        }
        return request
    }

    private static func chunks(_ reader: inout Reader) throws(Stop) -> [UInt8] {
        var body: [UInt8] = []
        var extras = 0
        while true {
            let line = try reader.line(within: 257)
            // Every byte a character of its own.
            let characters = String(String.UnicodeScalarView(line.map { Unicode.Scalar($0) }))
            guard let found = characters.wholeMatch(of: chunkLine) else { throw .refused }
            let size = Int(found.1, radix: 16)!
            extras += line.count - found.1.utf8.count
            guard extras <= reader.limits.maxHeadBytes, body.count + size <= reader.limits.maxBodyBytes else {
                throw .refused
            }
            if size == 0 { break }
            body += try reader.take(size)
            for byte in [13, 10] as [UInt8] {
                let next = try reader.take(1)
                guard next == [byte] else { throw .refused }
            }
        }
        while true {
            let line = try reader.line(within: reader.limits.maxHeadBytes + 1)
            if line.isEmpty { return body }
            extras += line.count + 2
            guard extras <= reader.limits.maxHeadBytes else { throw .refused }
            _ = try field(line)
        }
    }

    /// A size, and extensions by the ABNF of RFC 9112 section 7.1.1 and RFC 9110 section 5.6.4.
    private static var chunkLine: Regex<(Substring, Substring)> {
        let token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
        let quoted = #""(?:[\t \x21\x23-\x5B\x5D-\x7E\x80-\xFF]|\\[\t\x20-\x7E\x80-\xFF])*""#
        let pattern = "([0-9A-Fa-f]{1,15})(?:[ \t]*;[ \t]*\(token)(?:[ \t]*=[ \t]*(?:\(token)|\(quoted)))?)*"
        return try! Regex(pattern, as: (Substring, Substring).self).matchingSemantics(.unicodeScalar)
    }

    // MARK: Bytes

    private static func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

    private static func small(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var bytes = bytes.drop { $0 == 32 || $0 == 9 }
        while bytes.last == 32 || bytes.last == 9 { bytes.removeLast() }
        return Array(bytes)
    }

    private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz".utf8.contains(small($0)) }
    }

    private static func isAuthority(_ text: String) -> Bool {
        text.wholeMatch(of: /(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+,;=]+)(:[0-9]{0,5})?/) != nil
    }
}

extension NaiveHTTP.Request {
    init(_ request: HTTPRequest) {
        self.init(
            method: request.method, path: request.path, query: request.query, isVersion11: request.isVersion11,
            keepsConnection: request.keepsConnection, body: request.body)
    }
}
