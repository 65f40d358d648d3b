import Glibc
import TelemetryIO
import TelemetryReaders

/// A pipe, a terminal, or any other source whose bytes arrive over time, as the source of a ``CSVReader``.
///
/// The reader never blocks: if there is no byte yet, its read throws and ``isStarved`` is set; to wait, use
/// ``inputWatch()``.
final class StreamInput {
    private struct NothingYet: Error {}

    private let name: String
    private let descriptor: Int32
    private let ownsDescriptor: Bool
    /// Whether the last read failed because there was no byte.
    private(set) var isStarved = false
    private var watch: InputWatch?
    /// The bytes that arrived before a reader had its whole header: a reader cannot stop within it, so the next one
    /// receives them again.
    private var head: [UInt8] = []
    private var replayed = 0
    private var keepsHead = true

    /// Does not own the descriptor.
    init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
        ownsDescriptor = false
    }

    /// Opens a pipe or a device; opening a pipe without a writer does not wait for one.
    init(path: String) throws(CSVError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        name = path
        ownsDescriptor = true
        guard descriptor >= 0 else {
            throw CSVError(.unreadable, file: path, message: String(cString: strerror(errno)))
        }
    }

    deinit {
        if ownsDescriptor, descriptor >= 0 { close(descriptor) }
    }

    /// Returns a reader that has read its header; `nil` if the header is not complete yet.
    func reader(badRows policy: BadRowPolicy) throws(CSVError) -> DCGMReader? {
        replayed = 0
        do throws(CSVError) {
            var configuration = CSVReader.Configuration()
            configuration.trimsSpaces = true
            let csv = try CSVReader(name: name, configuration: configuration) { [self] in try read(into: $0) }
            // A reader with a header has requested bytes that were not there before: the whole head is in its window.
            keepsHead = false
            head = []
            return try DCGMReader(csv, badRows: policy)
        } catch {
            if isStarved { return nil }
            throw error
        }
    }

    /// Waits for more data. Created only when a wait is needed.
    func inputWatch() throws(CSVError) -> InputWatch {
        do {
            let watch = try watch ?? InputWatch(descriptor)
            self.watch = watch
            return watch
        } catch {
            throw CSVError(.unreadable, file: name, message: "\(error)")
        }
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        isStarved = false
        if replayed < head.count {
            let part = head[replayed...].prefix(buffer.count)
            part.withUnsafeBytes { buffer.copyMemory(from: $0) }
            replayed += part.count
            return part.count
        }
        while true {
            // Checked first: others may share the descriptor, so it must not be made non-blocking.
            var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&state, 1, 0) != 0 else { throw starved() }
            let count = Glibc.read(descriptor, buffer.baseAddress!, buffer.count)
            if count >= 0 {
                if keepsHead {
                    head += UnsafeRawBufferPointer(rebasing: buffer[..<count])
                    replayed = head.count
                }
                return count
            }
            if errno == EAGAIN { throw starved() }
            guard errno == EINTR else { throw SystemError("read", on: name) }
        }
    }

    private func starved() -> NothingYet {
        isStarved = true
        return NothingYet()
    }
}
