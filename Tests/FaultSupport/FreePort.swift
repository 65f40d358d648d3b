import Glibc
import Synchronization

/// A TCP port of 127.0.0.1 that nobody uses. Only where a program must come back to the same port, or must not be there yet.
///
/// It is below those that the system gives to clients (32768 to 60999), so that no connection takes it before it is used. One that was
/// given is not given again, and other processes begin elsewhere.
package func freePort() throws -> Int {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(fd) }
    for _ in 0..<100 {
        let port = UInt16(16_384 + nextPort.add(1, ordering: .relaxed).oldValue % 16_384)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = port.bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return Int(port) }
    }
    throw NoFreePort()
}

private let nextPort = Atomic(Int(getpid()) * 251)

package struct NoFreePort: Error {}
