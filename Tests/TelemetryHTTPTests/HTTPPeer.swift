import Glibc

@testable import TelemetryBase
@testable import TelemetryHTTP
@testable import TelemetryIO

/// A client of plain blocking calls.
final class HTTPPeer {
    private let descriptor: Int32

    init(port: Int, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw SystemError("connect to", on: "port \(port)") }
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// As far as it goes: a server that refuses may have closed already.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func get(_ path: String, _ fields: String = "") { send("GET \(path) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n") }

    /// Whether a receive would find something now, be it the connection's end.
    var hasInput: Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) > 0
    }

    /// Sends no more, and can still receive.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// From now on the end of this is a reset, as that of a process that is killed with unread bytes: an ordinary end could
    /// be that of the requests alone.
    func endsByReset() {
        var immediately = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &immediately, socklen_t(MemoryLayout<linger>.size))
    }

    /// All that comes until the server closes; `nil` where it does not.
    func end() -> String? {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 { return String(decoding: all, as: UTF8.self) }
            guard count > 0 else { return nil }
            all += chunk[..<count]
        }
    }

    /// All that comes until the server closes, in whatever way.
    func rest() -> String {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = recv(descriptor, &chunk, chunk.count, 0), count > 0 { all += chunk[..<count] }
        return String(decoding: all, as: UTF8.self)
    }

    /// What comes up to and with a text.
    func receive(through end: String) -> String {
        var all: [UInt8] = []
        let last = Array(end.utf8)
        var byte: UInt8 = 0
        while all.suffix(last.count) != last[...], recv(descriptor, &byte, 1, 0) == 1 { all.append(byte) }
        return String(decoding: all, as: UTF8.self)
    }

    /// The next so many bytes.
    func receive(_ count: Int) -> String {
        var all: [UInt8] = []
        var byte: UInt8 = 0
        while all.count < count, recv(descriptor, &byte, 1, 0) == 1 { all.append(byte) }
        return String(decoding: all, as: UTF8.self)
    }

    /// The next answer that has a `Content-Length`: its head and its body.
    func answer() -> (head: String, body: String) {
        let head = receive(through: "\r\n\r\n")
        let line = head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length: ") }
        let length: Int = line.flatMap { Int($0.dropFirst(16)) } ?? 0
        return (head, receive(length))
    }
}

/// A server on one loop, and on as many as a configuration asks for; what holds for one holds for several.
func withServer(
    _ handler: HTTPHandler, _ configure: (inout HTTPServer.Configuration) -> Void = { _ in },
    _ body: (HTTPServer) async throws -> Void
) async throws {
    var configuration = HTTPServer.Configuration()
    configure(&configuration)
    let loop = try EventLoop.start(name: "http-test")
    defer { loop.stop() }
    let single = try await HTTPServer.start(
        loop: loop, host: "127.0.0.1", port: 0, configuration: configuration, handler: handler)
    try await body(single)
    await single.shutdown(within: .zero)
    configuration.loops = 3
    let several = try await HTTPServer.start(host: "127.0.0.1", port: 0, configuration: configuration, handler: handler)
    try await body(several)
    await several.shutdown(within: .zero)
}
