import CLinux
import Glibc

/// A file that has a path and lies in memory.
struct MemoryFile: ~Copyable {
    private let descriptor: Int32

    init(_ bytes: [UInt8]) {
        descriptor = clinux_memfd_create("fuzz", 0)
        precondition(descriptor >= 0, "memfd_create: \(String(cString: strerror(errno)))")
        bytes.withUnsafeBytes { precondition(write(descriptor, $0.baseAddress, $0.count) == $0.count, "a short write") }
    }

    deinit { close(descriptor) }

    var path: String { "/proc/self/fd/\(descriptor)" }
}
