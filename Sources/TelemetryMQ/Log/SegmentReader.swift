import Glibc
import TelemetryIO
import TelemetryMQProtocol

/// Iterates over the records of a segment from the start of one. It checks lengths, not checksums.
struct SegmentReader: ~Copyable {
    /// The maximum plausible length; anything longer is damage, because frames are limited to far less.
    static let maxRecordBytes = 1 << 30 + 1024

    enum Step {
        /// The record with its length bytes; valid until the next step.
        case record(UnsafeRawBufferPointer)
        /// Bytes that are not a record, or an incomplete one.
        case damaged(String)
    }

    private let file: any LogFile
    private let end: Int64
    private var buffer: UnsafeMutableRawBufferPointer
    /// The part of the file that is in the buffer.
    private var filledFrom: Int64
    private var filledCount = 0
    /// The position where the next step starts.
    private(set) var position: Int64

    init(file: any LogFile, from position: Int64, to end: Int64, bufferBytes: Int = 1 << 20) {
        self.file = file
        self.end = end
        self.position = position
        filledFrom = position
        buffer = .allocate(byteCount: bufferBytes, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// Returns `nil` at the end. After damage the position is unchanged.
    mutating func next() throws(SystemError) -> Step? {
        guard position < end else { return nil }
        guard let start = try bytes(Record.lengthBytes) else { return .damaged("the file ends within a length") }
        let total = Record.totalBytes(start)
        guard total > Record.lengthBytes + Record.trailerBytes, total <= Self.maxRecordBytes else {
            return .damaged("\(total - Record.lengthBytes) is not a valid record length")
        }
        guard let record = try bytes(total) else { return .damaged("the file ends within a record") }
        position += Int64(total)
        return .record(UnsafeRawBufferPointer(start: record, count: total))
    }

    private mutating func bytes(_ count: Int) throws(SystemError) -> UnsafeRawPointer? {
        guard Int64(count) <= end - position else { return nil }
        if position + Int64(count) > filledFrom + Int64(filledCount) {
            if count > buffer.count {
                buffer.deallocate()
                buffer = .allocate(byteCount: count, alignment: 16)
            }
            let wanted = min(Int64(buffer.count), end - position)
            filledCount = try file.read(
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]), at: position)
            filledFrom = position
            guard filledCount >= count else { return nil }
        }
        return UnsafeRawPointer(buffer.baseAddress! + Int(position - filledFrom))
    }
}
