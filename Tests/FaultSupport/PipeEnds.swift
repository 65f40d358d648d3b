import Foundation
import Glibc
import Synchronization

/// Both ends of a pipe. Programs that other tests start meanwhile do not inherit them, so that the pipe ends when this does.
package final class PipeEnds: Sendable {
    package let reading: Int32
    private let writing: Atomic<Int32>

    package init() throws {
        // By a name that is gone at once: pipe(2) itself cannot set close-on-exec as it opens.
        let path = FileManager.default.temporaryDirectory.appending(path: "pipe-\(UUID().uuidString)").path
        guard mkfifo(path, 0o600) == 0 else { throw POSIXError(.init(rawValue: errno)!) }
        defer { unlink(path) }
        reading = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        writing = Atomic(open(path, O_WRONLY | O_CLOEXEC))
        guard reading >= 0, writing.load(ordering: .relaxed) >= 0 else { throw POSIXError(.init(rawValue: errno)!) }
        // As a shell's pipe is.
        _ = fcntl(reading, F_SETFL, 0)
    }

    deinit {
        close(reading)
        end()
    }

    /// Waits while the pipe is full.
    package func write(_ text: some StringProtocol) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(writing.load(ordering: .relaxed), $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Closes the writing end.
    package func end() {
        let descriptor = writing.exchange(-1, ordering: .relaxed)
        if descriptor >= 0 { close(descriptor) }
    }
}
