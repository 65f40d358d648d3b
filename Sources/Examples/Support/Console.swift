import Glibc
import Synchronization

/// Standard error, shared by log lines and by the progress line that a terminal shows below them.
package final class Console: Sendable {
    package static let standardError = Console(descriptor: 2)

    package let isTerminal: Bool
    private let descriptor: Int32
    private let progress = Mutex("")

    init(descriptor: Int32) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
    }

    /// Writes a whole line, which ends with a line feed; a progress line moves down below it. What would act on a
    /// terminal, or cannot be seen, is written as an escape.
    package func write(line: [UInt8]) {
        let line = Self.printable(OutputSecrets.redact(line: line))
        progress.withLock { progress in
            guard !progress.isEmpty else { return put(line) }
            put(Array("\r\u{1B}[K".utf8) + line + Array(progress.utf8))
        }
    }

    private static func printable(_ line: [UInt8]) -> [UInt8] {
        if line.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || $0 == 0x0A }) { return line }
        return Array(String(decoding: line, as: UTF8.self).printable(keeping: ["\n", "\t"]).utf8)
    }

    /// Replaces the progress line of a terminal, cut to its width; elsewhere nothing is shown.
    package func show(progress text: String) {
        guard isTerminal else { return }
        // A line that goes on in the next row of the terminal could not be replaced.
        let printable = text.printable()
        let text = columns.map { String(printable.prefix($0)) } ?? printable
        progress.withLock { progress in
            progress = text
            put(Array("\r\u{1B}[K\(text)".utf8))
        }
    }

    /// `nil` where the terminal does not say.
    private var columns: Int? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Ends the progress line, which stays readable.
    package func endProgress() {
        progress.withLock { progress in
            if !progress.isEmpty { put([0x0A]) }
            progress = ""
        }
    }

    /// What cannot be written to standard error has no other place to be told.
    private func put(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
