import Foundation

/// One HTTP request over a connection of its own, with nothing of ours in it.
enum HTTP {
    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var body: Data
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    static func get(_ port: Int, _ path: String, accept: String? = nil) async throws -> Answer {
        try await request(port, "GET", path, headers: accept.map { ["Accept": $0] } ?? [:])
    }

    static func request(
        _ port: Int, _ method: String, _ path: String, headers: [String: String] = [:], body: Data = Data()
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Result { try exchange(port, method, path, headers, body) })
            }
            thread.start()
        }
    }

    /// The decoded body of a 200.
    static func json<T: Decodable>(_ type: T.Type, _ port: Int, _ path: String) async throws -> T {
        let answer = try await get(port, path)
        guard answer.status == 200 else { throw StageError("\(path): \(answer.status) \(answer.text.prefix(500))") }
        return try JSONDecoder().decode(type, from: answer.body)
    }

    private static func exchange(
        _ port: Int, _ method: String, _ path: String, _ headers: [String: String], _ body: Data
    ) throws -> Answer {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard fd >= 0 else { throw StageError("socket: \(errno)") }
        defer { close(fd) }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw StageError("connect 127.0.0.1:\(port): \(String(cString: strerror(errno)))") }

        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if !body.isEmpty || method == "POST" { head += "Content-Length: \(body.count)\r\n" }
        var rest = Data((head + "\r\n").utf8) + body
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw StageError("send: \(String(cString: strerror(errno)))") }
            rest = rest.dropFirst(count)
        }
        var received = Data()
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(fd, &buffer, buffer.count, 0)
            if count < 0 { throw StageError("receive \(path): \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            received += buffer[..<count]
        }
        return try parse(received)
    }

    private static func parse(_ bytes: Data) throws -> Answer {
        guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { throw StageError("no HTTP answer") }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count >= 2, let status = Int(words[1]) else { throw StageError("no HTTP status in \(lines[0])") }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        var body = Data(bytes[end.upperBound...])
        if headers["transfer-encoding"]?.lowercased() == "chunked" { body = try joined(chunks: body) }
        if let length = headers["content-length"].flatMap(Int.init), body.count < length {
            throw StageError("\(body.count) of \(length) bytes of the body")
        }
        return Answer(status: status, headers: headers, body: body)
    }

    private static func joined(chunks: Data) throws -> Data {
        var body = Data()
        var rest = chunks[...]
        while true {
            guard let line = rest.range(of: Data("\r\n".utf8)),
                let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16),
                rest.endIndex - line.upperBound >= size + 2 || size == 0
            else { throw StageError("the chunks of the body end early") }
            if size == 0 { return body }
            body += rest[line.upperBound..<line.upperBound + size]
            rest = rest[(line.upperBound + size + 2)...]
        }
    }
}
