import Glibc

/// `PROGRAM health`: asks the instance on this machine for its `/health`. An image then needs no HTTP client to be checked.
enum HealthProbe {
    /// The exit code: 0 where the answer is 200 within five seconds, else 1 with the reason on standard error.
    static func run(_ program: Program, _ configuration: Configuration) -> Int32 {
        do {
            guard let (host, port) = address(program, configuration) else {
                throw ProgramError("HTTP_PORT is not set: /health is not served")
            }
            let status = try ask(host, port)
            guard status.hasPrefix("HTTP/1.1 200 ") else {
                throw ProgramError("\(host):\(port)/health answers \(status)")
            }
            return Program.ExitCode.done
        } catch {
            Console.standardError.write(line: Array("\(program.name): \(error)\n".utf8))
            return Program.ExitCode.failed
        }
    }

    /// Where the program serves with this configuration; `nil` where it does not.
    static func address(_ program: Program, _ configuration: Configuration) -> (host: String, port: Int)? {
        func text(_ names: [String]) -> String? {
            program.options.first { names.contains($0.name) }.flatMap { configuration.text(of: $0) }
        }
        guard let port = text(["HTTP_PORT", "API_PORT"]).flatMap(Int.init), port > 0 else { return nil }
        let host = text(["HTTP_HOST", "API_HOST"]) ?? "127.0.0.1"
        // What listens on every address does so on loopback.
        return (host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host, port)
    }

    /// The first line of the answer.
    private static func ask(_ host: String, _ port: Int) throws -> String {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let target = found else {
            throw ProgramError("\(host) has no address")
        }
        defer { freeaddrinfo(found) }
        let fd = socket(target.pointee.ai_family, hints.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw ProgramError("no socket: \(String(cString: strerror(errno)))") }
        defer { close(fd) }
        // A server that hangs is not healthy either.
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(fd, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        guard connect(fd, target.pointee.ai_addr, target.pointee.ai_addrlen) == 0 else {
            throw ProgramError("\(host):\(port): \(String(cString: strerror(errno)))")
        }
        let request = Array("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        guard send(fd, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw ProgramError("\(host):\(port) takes no request")
        }
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 256, recv(fd, &byte, 1, 0) == 1, byte != 0x0D { line.append(byte) }
        return line.isEmpty ? "nothing" : String(decoding: line, as: UTF8.self)
    }
}
