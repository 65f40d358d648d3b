import Foundation
import Glibc

/// A client of plain blocking sockets, as somebody else would write one: it shares no code with ours.
package final class RawPeer {
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    package struct Closed: Error {}

    package struct NotConnected: Error {
        package var port: Int
        package var code: Int32
    }

    /// Connects to the loopback. Waiting for what does not come is an error after `receiveTimeout` seconds.
    package init(port: Int, receiveTimeout: Int = 20) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var timeout = timeval(tv_sec: receiveTimeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw NotConnected(port: port, code: errno) }
    }

    /// The other end of a connection that was accepted.
    package init(accepted: Int32) { descriptor = accepted }

    deinit { close(descriptor) }

    /// Ends the connection as a crash does: the other side gets a reset, and what was not read is gone.
    package func reset() {
        var immediately = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &immediately, socklen_t(MemoryLayout<linger>.size))
        // The descriptor is closed by `deinit`; a connected socket is reset at once by connecting it to nothing.
        var nothing = sockaddr()
        nothing.sa_family = sa_family_t(AF_UNSPEC)
        connect(descriptor, &nothing, socklen_t(MemoryLayout<sockaddr>.size))
    }

    package static func frame(_ body: String) -> [UInt8] {
        let bytes = Array(body.utf8)
        return withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes
    }

    package func send(_ body: String) throws { try sendBytes(Self.frame(body)) }

    package func sendBytes(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Closed() }
            rest = rest.dropFirst(count)
        }
    }

    /// The next frame, with its length bytes.
    package func receiveFrame() throws -> [UInt8] {
        while true {
            if buffer.count >= 4 {
                let length = buffer.prefix(4).reduce(0) { $0 << 8 | Int($1) }
                if buffer.count >= 4 + length {
                    let frame = Array(buffer.prefix(4 + length))
                    buffer.removeFirst(4 + length)
                    return frame
                }
            }
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { throw Closed() }
            buffer.append(contentsOf: chunk[..<count])
        }
    }

    /// Whether a receive would find something now, be it the connection's end.
    package var hasInput: Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return !buffer.isEmpty || poll(&watched, 1, 0) > 0
    }

    package func receive() throws -> String { String(decoding: try receiveFrame().dropFirst(4), as: UTF8.self) }

    package func ask(_ body: String) throws -> String {
        try send(body)
        return try receive()
    }

    /// Sends no more, and can still receive.
    package func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// All that comes until the other side ends the connection.
    package func receiveAll() throws -> [UInt8] {
        while true {
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count >= 0 else { throw Closed() }
            if count == 0 { return buffer }
            buffer.append(contentsOf: chunk[..<count])
        }
    }

    /// Whether the other side ends the connection, whatever it sends before; `false` where the receiving takes too long.
    package var endsByItself: Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { return true }
            if count < 0, errno == EAGAIN { return false }
        }
    }

    package var isClosedByPeer: Bool {
        do {
            _ = try receiveFrame()
            return false
        } catch {
            return true
        }
    }
}

/// The members of a JSON object.
package func members(_ json: String) -> [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(json.utf8))) as? [String: Any] ?? [:]
}
