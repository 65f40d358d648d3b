import Foundation
import Glibc
import Synchronization

/// A real HTTP/1.1 server on a loopback port that answers as a test says, connection by connection, and remembers what it was asked.
final class ScriptedServer: Sendable {
    struct Request: Sendable {
        var method = ""
        /// With the query.
        var target = ""
        var headers: [String: String] = [:]
        var body = ""
        /// Counts connections from 0.
        var connection = 0

        var path: String { String(target.prefix { $0 != "?" }) }
    }

    enum Reply: Sendable {
        case answer(Int, [String: String] = [:], String = "")
        /// In so many pieces, each sent by itself; the length is not told before.
        case chunks([String])
        /// Promises a longer body than it sends, and says nothing more.
        case stalled(String)
        /// Promises a longer body than it sends, and closes.
        case cutShort
        /// Closes without a byte.
        case reset
        /// Keeps the connection and says nothing.
        case silence
    }

    let port: Int
    var url: String { "http://127.0.0.1:\(port)" }
    private let listener: Int32
    private let handler: @Sendable (Request) -> Reply
    private let seen = Mutex<[Request]>([])
    /// After how many bytes of a request's body its connection is reset, by the connection's number.
    private let bodyLimit: @Sendable (Int) -> Int?
    /// Called when a client closes a connection that was left in silence.
    private let onHangup: @Sendable () -> Void

    var requests: [Request] { seen.withLock { $0 } }

    init(
        onHangup: @escaping @Sendable () -> Void = {}, bodyLimit: @escaping @Sendable (Int) -> Int? = { _ in nil },
        _ handler: @escaping @Sendable (Request) -> Reply
    ) throws {
        self.handler = handler
        self.bodyLimit = bodyLimit
        self.onHangup = onHangup
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let fd = listener
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, length) == 0 && listen(fd, 64) == 0 && getsockname(fd, $0, &length) == 0
            }
        }
        precondition(bound, "no loopback port: errno \(errno)")
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [weak self] in
            var count = 0
            while case let client = accept(fd, nil, nil), client >= 0 {
                guard let server = self else { break }
                let number = count
                count += 1
                Thread.detachNewThread { server.serve(client, number) }
            }
        }
    }

    /// Ends the listening; connections end with their clients.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
    }

    private func serve(_ fd: Int32, _ number: Int) {
        defer { Glibc.close(fd) }
        var buffer: [UInt8] = []
        while var request = readRequest(fd, &buffer, bodyLimit(number)) {
            request.connection = number
            seen.withLock { $0.append(request) }
            switch handler(request) {
            case .answer(let status, let headers, let body):
                var text = "HTTP/1.1 \(status) Reason\r\nContent-Length: \(body.utf8.count)\r\n"
                for (name, value) in headers { text += "\(name): \(value)\r\n" }
                guard send(fd, text + "\r\n" + (request.method == "HEAD" ? "" : body)) else { return }
            case .chunks(let pieces):
                var text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                for piece in pieces where !piece.isEmpty {
                    text += String(piece.utf8.count, radix: 16) + "\r\n" + piece + "\r\n"
                    guard send(fd, text) else { return }
                    text = ""
                }
                guard send(fd, text + "0\r\n\r\n") else { return }
            case .stalled(let start):
                guard send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + start) else { return }
                while fill(fd, &buffer) {}
                onHangup()
                return
            case .cutShort:
                _ = send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
                return
            case .reset: return abort(fd)
            case .silence:
                while fill(fd, &buffer) {}
                onHangup()
                return
            }
        }
    }

    /// Lets the close that follows send a reset.
    private func abort(_ fd: Int32) {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    }

    private func fill(_ fd: Int32, _ buffer: inout [UInt8]) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = read(fd, &chunk, chunk.count)
        guard count > 0 else { return false }
        buffer.append(contentsOf: chunk[..<count])
        return true
    }

    private func send(_ fd: Int32, _ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(fd, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private func readRequest(_ fd: Int32, _ buffer: inout [UInt8], _ bodyLimit: Int?) -> Request? {
        let blank = Array("\r\n\r\n".utf8)
        var headEnd: Int?
        while true {
            headEnd = buffer.firstRange(of: blank)?.lowerBound
            if headEnd != nil { break }
            guard fill(fd, &buffer) else { return nil }
        }
        let lines = String(decoding: buffer[..<headEnd!], as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        var request = Request(method: String(words[0]), target: String(words[1]))
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            request.headers[parts[0].lowercased()] =
                parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        let length = request.headers["content-length"].flatMap { Int($0) } ?? 0
        let start = headEnd! + 4
        while buffer.count < start + length {
            if let bodyLimit, buffer.count - start >= bodyLimit {
                abort(fd)
                return nil
            }
            guard fill(fd, &buffer) else { return nil }
        }
        request.body = String(decoding: buffer[start..<start + length], as: UTF8.self)
        buffer.removeFirst(start + length)
        return request
    }
}
