import CLinux
import Glibc
import TelemetryBase

/// An IPv4 or IPv6 address with a port.
package struct SocketAddress: Sendable, CustomStringConvertible {
    private var storage: sockaddr_storage
    private var length: socklen_t

    fileprivate init(storage: sockaddr_storage, length: socklen_t) {
        self.storage = storage
        self.length = length
    }

    /// Resolves a host name or numeric address, in the resolver's order. Blocks while a name server is queried.
    package static func resolve(host: String, port: Int, passive: Bool = false) throws -> [SocketAddress] {
        // The resolver takes the port modulo 65536.
        guard (0...65535).contains(port) else {
            throw AddressError(description: "resolve \(host):\(port): the port is not within 0…65535")
        }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &list)
        guard code == 0 else {
            throw AddressError(description: "resolve \(host):\(port): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let info = next {
            var storage = sockaddr_storage()
            memcpy(&storage, info.pointee.ai_addr, Int(info.pointee.ai_addrlen))
            found.append(SocketAddress(storage: storage, length: info.pointee.ai_addrlen))
            next = info.pointee.ai_next
        }
        return found
    }

    package var port: Int {
        var copy = storage
        return withUnsafeBytes(of: &copy) { Int(UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self))) }
    }

    /// `127.0.0.1:9000`, `[::1]:9000`.
    package var description: String {
        withSockaddr { address, length in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(NI_MAXHOST)) { host in
                guard
                    getnameinfo(address, length, host.baseAddress!, socklen_t(NI_MAXHOST), nil, 0, NI_NUMERICHOST) == 0
                else {
                    return "?"
                }
                let name = String(cString: host.baseAddress!)
                return family == AF_INET6 ? "[\(name)]:\(port)" : "\(name):\(port)"
            }
        }
    }

    fileprivate var family: Int32 { Int32(storage.ss_family) }

    fileprivate func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var copy = storage
        return withUnsafePointer(to: &copy) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    fileprivate static func reading(_ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32)
        -> (
            result: Int32, address: SocketAddress
        )
    {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
        }
        return (result, SocketAddress(storage: storage, length: length))
    }
}

/// A host name that cannot be resolved.
package struct AddressError: Error, Sendable, CustomStringConvertible {
    package var description: String
}

/// Non-blocking TCP with plain system calls. Calls that a signal interrupts are repeated here; calls on files are
/// repeated by ``repeatingInterrupted(_:on:_:)``.
package enum Socket {
    private static let stream = Int32(SOCK_STREAM.rawValue)

    /// Listens on the first address that the host resolves to; port 0 takes a free one.
    package static func listen(host: String, port: Int, backlog: Int32 = 1024) throws -> (
        fd: Int32, address: SocketAddress
    ) {
        let subject = "\(host.isEmpty ? "*" : host):\(port)"
        guard (0...65535).contains(port) else {
            throw AddressError(description: "listen \(subject): the port is not within 0…65535")
        }
        guard let wanted = try SocketAddress.resolve(host: host, port: port, passive: true).first else {
            throw AddressError(description: "listen \(subject): no address")
        }
        let fd = socket(wanted.family, stream | O_NONBLOCK | O_CLOEXEC, 0)
        guard fd >= 0 else { throw SystemError("socket", on: subject) }
        do {
            setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
            // Accepted connections inherit the option.
            setKeepalive(fd)
            guard wanted.withSockaddr({ bind(fd, $0, $1) }) == 0 else { throw SystemError("listen on", on: subject) }
            guard Glibc.listen(fd, backlog) == 0 else { throw SystemError("listen on", on: subject) }
            let (result, bound) = SocketAddress.reading { getsockname(fd, $0, $1) }
            guard result == 0 else { throw SystemError("getsockname", on: subject) }
            return (fd, bound)
        } catch {
            close(fd)
            throw error
        }
    }

    /// Returns `nil` if no client is waiting. Throws if the process is out of descriptors or memory, among other
    /// reasons.
    package static func accept(_ listener: Int32) throws -> (fd: Int32, peer: SocketAddress)? {
        while true {
            let (fd, peer) = SocketAddress.reading { clinux_accept4(listener, $0, $1, O_NONBLOCK | O_CLOEXEC) }
            if fd >= 0 { return (fd, peer) }
            switch errno {
            case EINTR, ECONNABORTED, EPROTO: continue
            case EAGAIN: return nil
            default: throw SystemError("accept", on: "listener \(listener)")
            }
        }
    }

    /// Starts to connect; the descriptor becomes writable when ``connectResult(_:)`` is available.
    package static func beginConnect(_ address: SocketAddress) throws -> Int32 {
        let fd = socket(address.family, stream | O_NONBLOCK | O_CLOEXEC, 0)
        guard fd >= 0 else { throw SystemError("socket", on: address.description) }
        let result = address.withSockaddr { connect(fd, $0, $1) }
        if result != 0, errno != EINPROGRESS, errno != EINTR {
            let failure = SystemError("connect to", on: address.description)
            close(fd)
            throw failure
        }
        setNoDelay(fd)
        return fd
    }

    /// Returns the pending error of a socket, 0 if there is none.
    package static func connectResult(_ fd: Int32) -> Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno
    }

    /// Returns the number of bytes read; 0 if the peer has ended its side; `nil` if no bytes are available now.
    @inline(__always)
    package static func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        while true {
            let count = recv(fd, buffer.baseAddress!, buffer.count, 0)
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw SystemError("read from", on: "socket \(fd)")
            }
        }
    }

    /// Returns whether there are bytes to read now.
    package static func hasInput(_ fd: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(fd, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// Returns the number of bytes written; `nil` if the socket buffer is full. Never raises SIGPIPE.
    @inline(__always)
    package static func write(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) -> Int? {
        while true {
            let count = send(fd, bytes.baseAddress!, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw SystemError("write to", on: "socket \(fd)")
            }
        }
    }

    /// Writes two consecutive buffers in one system call, otherwise as above.
    package static func write(
        _ fd: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer
    ) throws(SystemError) -> Int? {
        try withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { pieces in
            pieces[0] = iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count)
            pieces[1] = iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
            var message = msghdr()
            message.msg_iov = pieces.baseAddress
            message.msg_iovlen = 2
            while true {
                let count = sendmsg(fd, &message, Int32(MSG_NOSIGNAL))
                if count >= 0 { return Result<Int?, SystemError>.success(count) }
                switch errno {
                case EINTR: continue
                case EAGAIN: return .success(nil)
                default: return .failure(SystemError("write to", on: "socket \(fd)"))
                }
            }
        }.get()
    }

    /// Copies from a file to a socket within the kernel; returns the number of bytes taken, `nil` if the socket buffer
    /// is full.
    ///
    /// Raises SIGPIPE if the peer has closed the connection: the process must ignore it.
    package static func sendFile(_ fd: Int32, from file: Int32, at position: Int64, count: Int) throws(SystemError)
        -> Int?
    {
        var offset = off_t(position)
        while true {
            let sent = sendfile(fd, file, &offset, count)
            if sent >= 0 { return sent }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw SystemError("sendfile to", on: "socket \(fd)")
            }
        }
    }

    package static func setNoDelay(_ fd: Int32) {
        setOption(fd, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Enables TCP keep-alive, so that the system detects a dead peer: after two minutes without a packet, within one
    /// more.
    package static func setKeepalive(_ fd: Int32) {
        setOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1)
        setOption(fd, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 120)
        setOption(fd, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10)
        setOption(fd, Int32(IPPROTO_TCP), TCP_KEEPCNT, 6)
    }

    package static func setOption(_ fd: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(fd, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    package static func endWriting(_ fd: Int32) {
        shutdown(fd, Int32(SHUT_WR))
    }

    /// Gives the socket the lowest free descriptor number, and returns it.
    package static func moveToLowestNumber(_ fd: Int32) -> Int32 {
        let lowest = fcntl(fd, F_DUPFD_CLOEXEC, 0)
        guard lowest >= 0 else { return fd }
        close(max(fd, lowest))
        return min(fd, lowest)
    }

    package static func close(_ fd: Int32) {
        // On Linux the descriptor is closed even if close was interrupted: it must not be called twice.
        _ = Glibc.close(fd)
    }
}

/// Makes a write to a closed socket an error of that write instead of the end of the process.
package func ignoreBrokenPipeSignal() {
    signal(SIGPIPE, SIG_IGN)
}
