import Glibc
import Synchronization

/// A terminal without a screen: what is written to it can be read here.
package final class PseudoTerminal: Sendable {
    /// Where a program opens it.
    package let path: String
    /// The program's side, open, so that what was written stays until it is read.
    package let descriptor: Int32
    private let screen: Int32
    private let shown = Mutex<[UInt8]>([])

    package struct Unavailable: Error {
        package var code = errno
    }

    package init(columns: Int) throws {
        // ioctl_tty(2): unlock, and ask for the number. Glibc's own functions for it are not in its module.
        let (lock, number) = (UInt(0x4004_5431), UInt(0x8004_5430))
        screen = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var zero: Int32 = 0
        var index: UInt32 = 0
        guard screen >= 0, ioctl(screen, lock, &zero) == 0, ioctl(screen, number, &index) == 0 else {
            throw Unavailable()
        }
        path = "/dev/pts/\(index)"
        var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        guard ioctl(screen, UInt(TIOCSWINSZ), &size) == 0 else { throw Unavailable() }
        descriptor = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unavailable() }
        _ = fcntl(screen, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(descriptor)
        close(screen)
    }

    /// All that was written so far.
    package var text: String {
        shown.withLock { shown in
            var chunk = [UInt8](repeating: 0, count: 4096)
            while case let count = read(screen, &chunk, chunk.count), count > 0 { shown += chunk[..<count] }
            return String(decoding: shown, as: UTF8.self)
        }
    }
}
