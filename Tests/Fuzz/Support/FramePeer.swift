import Glibc
import TelemetryIO

/// A client of the queue that sends what it likes: it reads frames, each its JSON, until the other side ends the connection or nothing
/// comes for a while.
final class FramePeer {
    private let descriptor: Int32
    private var input: [UInt8] = []

    /// `nil`: nobody listens.
    init?(port: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = UInt16(port).bigEndian
        let fd = descriptor
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Interrupted, it goes on connecting, and a write waits for it.
        let isConnecting = result != 0 && errno == EINTR
        Self.setUp(descriptor)
        if result != 0, !isConnecting {
            close(descriptor)
            return nil
        }
    }

    init(accepted descriptor: Int32) {
        self.descriptor = descriptor
        Self.setUp(descriptor)
    }

    private static func setUp(_ descriptor: Int32) {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        Socket.setNoDelay(descriptor)
        // Hundreds of connections a second: none of them waits for late packets.
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func send(_ json: String) { send(Self.frame(Array(json.utf8))) }

    /// libFuzzer's alarms interrupt what waits.
    private func receive(_ chunk: inout [UInt8]) -> Int {
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count >= 0 || errno != EINTR { return count }
        }
    }

    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    static func frame(_ body: [UInt8]) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) } + body
    }

    /// The next frame's JSON; `nil` at the end, or after ten seconds of nothing.
    func next() -> String? {
        while true {
            if input.count >= 4 {
                let length = input[..<4].reduce(0) { $0 << 8 | Int($1) }
                if input.count >= 4 + length {
                    defer { input.removeFirst(4 + length) }
                    return String(decoding: input[4..<4 + length], as: UTF8.self)
                }
            }
            var chunk = [UInt8](repeating: 0, count: 64 << 10)
            let count = receive(&chunk)
            guard count > 0 else { return nil }
            input += chunk[..<count]
        }
    }

    /// Everything until the other side ends, whatever it is.
    func rest() -> [UInt8] {
        var all = input
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = receive(&chunk), count > 0 { all += chunk[..<count] }
        return all
    }

    /// An answer of HTTP as far as it says it goes; this side ends the connection, so that its port is free at once.
    func httpAnswer() -> [UInt8] {
        let blank = Array("\r\n\r\n".utf8)
        var head: Int?
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if head == nil { head = input.indices.first { input[$0...].starts(with: blank) } }
            if let head {
                let fields = String(decoding: input[..<head], as: UTF8.self)
                if let range = fields.firstRange(of: "\r\nContent-Length: ") {
                    if input.count >= head + 4 + (Int(fields[range.upperBound...].prefix { $0.isNumber }) ?? 0) {
                        return input
                    }
                } else if !fields.contains("\r\nTransfer-Encoding: ")
                    || input.suffix(5).elementsEqual(Array("0\r\n\r\n".utf8))
                {
                    return input
                }
            }
            let count = receive(&chunk)
            guard count > 0 else { return input }
            input += chunk[..<count]
        }
    }

    /// The response or error with this number; others before it are passed over. `nil`: the connection ended.
    func answer(_ number: Int) -> String? {
        while let frame = next() {
            if frame.contains("\"request_id\":\(number)}") || frame.contains("\"request_id\":\(number),") {
                return frame
            }
        }
        return nil
    }
}

/// An integer member of a flat JSON object.
func member(_ name: String, of json: String) -> Int64? {
    guard let range = json.firstRange(of: "\"\(name)\":") else { return nil }
    return Int64(json[range.upperBound...].prefix { $0 == "-" || $0.isNumber })
}
