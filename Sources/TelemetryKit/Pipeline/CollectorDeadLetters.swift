import Glibc
import Synchronization
import TelemetryBase
import TelemetryIO
import TelemetryModels
import TelemetryStores

/// A file of the samples that a database refuses permanently. Each line is a JSON object:
///
///     {"refused_at":"2025-07-18T20:42:34Z","reason":"…","batch":{"batch_id":"…","source":"…","collected_at":"…","metrics":[…]}}
///
/// The batch has the plain format (Docs/BatchFormat.md), so that it can be published again after the problem is fixed.
/// Samples that are read and refused a second time, after a restart, are in the file twice.
///
/// The file is opened for each call, so it may be moved away at any time. Safe to use from any task; only one process
/// at a time.
public final class DeadLetterFile: Sendable {
    /// The path of the file.
    public let path: String
    private let now: @Sendable () -> Timestamp
    private let isWriting = Mutex(())

    /// Creates a dead letter file; the file itself is created by the first call that stores samples.
    public init(path: String, now: @escaping @Sendable () -> Timestamp = { .now }) {
        self.path = path
        self.now = now
    }

    /// Returns when the samples are on the device, or throws an error that contains the path, with nothing added.
    public func append(_ refused: [RefusedSamples]) throws {
        guard !refused.isEmpty else { return }
        let lines = lines(of: refused)
        try isWriting.withLock { _ in
            let file = try openOwnFile(path, O_RDWR | O_CREAT | O_APPEND)
            defer { close(file) }
            let size = lseek(file, 0, SEEK_END)
            guard size >= 0 else { throw SystemError("seek", on: path) }
            do {
                var last = UInt8(ascii: "\n")
                if size > 0, pread(file, &last, 1, size - 1) != 1 { throw SystemError("read", on: path) }
                // A power loss may have truncated the last line.
                if last != UInt8(ascii: "\n") { try write([UInt8(ascii: "\n")], to: file) }
                try write(lines, to: file)
                guard fdatasync(file) == 0 else { throw SystemError("sync", on: path) }
            } catch {
                // Otherwise a second attempt would leave a part of the lines twice.
                ftruncate(file, size)
                throw error
            }
        }
    }

    private func lines(of refused: [RefusedSamples]) -> [UInt8] {
        let time = now()
        var out = ByteWriter()
        for part in refused {
            out.appendJSON { json in
                json.object {
                    $0.member("refused_at", time)
                    $0.member("reason", part.reason)
                    $0.member("batch", json: PlainEncoder.encode(part.batch))
                }
            }
            out.append("\n")
        }
        return out.bytes
    }

    private func write(_ bytes: [UInt8], to file: Int32) throws {
        try bytes.withUnsafeBytes { try writeAll($0, to: file, on: path) }
    }
}
