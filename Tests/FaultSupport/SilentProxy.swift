import Foundation
import Glibc
import Synchronization

/// Forwards connections to a port of the loopback, until it falls silent: then what arrives goes nowhere, also the end of a
/// connection, as when a machine or a network between two peers is gone.
package final class SilentProxy: Sendable {
    private struct Link {
        var client: Int32
        var server: Int32
        var isSilent = false
        var ended: Set<Int32> = []
    }

    package let port: Int
    private let listener: Int32
    private let links = Mutex<[Link]>([])

    package init(to target: Int) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0
                    ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in
            while case let client = accept(descriptor, nil, nil), client >= 0 { serve(client, target) }
        }
    }

    deinit { close(listener) }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    private func serve(_ client: Int32, _ target: Int) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(target)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(server)
            close(client)
            return
        }
        let number = links.withLock { links in
            links.append(Link(client: client, server: server))
            return links.count - 1
        }
        for (source, target) in [(client, server), (server, client)] {
            Thread.detachNewThread { [self] in forward(number, from: source, to: target) }
        }
    }

    private func forward(_ number: Int, from source: Int32, to target: Int32) {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = recv(source, &chunk, chunk.count, 0), count > 0 {
            if isSilent(number) { continue }
            var sent = 0
            while sent < count {
                let part = chunk[sent..<count].withUnsafeBytes {
                    Glibc.send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                guard part > 0 else { break }
                sent += part
            }
        }
        if !isSilent(number) { shutdown(target, Int32(SHUT_WR)) }
        let isOver = links.withLock { links in
            links[number].ended.insert(source)
            return links[number].ended.count == 2
        }
        guard isOver else { return }
        close(source)
        close(target)
    }

    private func isSilent(_ number: Int) -> Bool { links.withLock { $0[number].isSilent } }

    /// The connections that are open forward nothing from now on; later ones are served.
    package func fallSilent() {
        links.withLock { links in
            for number in links.indices { links[number].isSilent = true }
        }
    }

    /// How many of the silent connections this side has given up.
    package var endedByServer: Int { links.withLock { $0.count { $0.isSilent && $0.ended.contains($0.server) } } }
    package var endedByClient: Int { links.withLock { $0.count { $0.isSilent && $0.ended.contains($0.client) } } }

    /// Accepts no more, and ends all connections.
    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        links.withLock { links in
            for link in links where link.ended.count < 2 {
                shutdown(link.client, Int32(SHUT_RDWR))
                shutdown(link.server, Int32(SHUT_RDWR))
            }
        }
    }
}
