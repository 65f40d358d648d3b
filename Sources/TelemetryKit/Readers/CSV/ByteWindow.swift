import Glibc
import TelemetryIO

/// A moving view of a source of bytes: the part being read is contiguous in memory, however the source is split into
/// chunks.
///
/// It uses the memory of one chunk, or of one row if that is longer, independent of the size of the source.
struct ByteWindow: ~Copyable {
    /// Fills the start of the buffer and returns the number of bytes; 0 at the end.
    typealias Source = (UnsafeMutableRawBufferPointer) throws -> Int

    private(set) var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// The descriptor; `nil` if the source is not a file that is read at offsets.
    private let source: Source?
    let descriptor: Int32
    private let path: String
    /// The position of the reader: bytes before it may be dropped.
    var position = 0
    /// The end of the bytes in memory.
    private(set) var limit = 0
    /// Whether the source ends after the bytes in memory.
    private(set) var isLast = false

    /// The number of bytes dropped: the byte at `position` is byte `dropped + position` of the source.
    private(set) var dropped = 0

    private var countedLines = 0
    private var countedTo = 0

    init(chunkSize: Int, source: @escaping Source) {
        self.init(chunkSize: chunkSize, descriptor: -1, path: "", source: source)
    }

    /// Owns the descriptor. A seekable file is read at offsets, so that ``seek(to:line:)`` works; a pipe is read
    /// sequentially.
    init(chunkSize: Int, descriptor: Int32, path: String) {
        guard lseek(descriptor, 0, SEEK_CUR) < 0 else {
            self.init(chunkSize: chunkSize, descriptor: descriptor, path: path, source: nil)
            return
        }
        self.init(chunkSize: chunkSize, descriptor: descriptor, path: path) { buffer in
            try repeatingInterrupted("read", on: path) { read(descriptor, buffer.baseAddress!, buffer.count) }
        }
    }

    private init(chunkSize: Int, descriptor: Int32, path: String, source: Source?) {
        precondition(chunkSize > 0)
        base = .allocate(capacity: chunkSize)
        capacity = chunkSize
        self.source = source
        self.descriptor = descriptor
        self.path = path
    }

    /// A window that contains all of the bytes.
    init(copying bytes: some Collection<UInt8>) {
        self.init(chunkSize: max(1, bytes.count), descriptor: -1, path: "") { _ in 0 }
        _ = UnsafeMutableBufferPointer(start: base, count: capacity).initialize(from: bytes)
        limit = bytes.count
        isLast = true
    }

    deinit {
        base.deallocate()
        if descriptor >= 0 { close(descriptor) }
    }

    /// Drops the bytes before `position` and adds at least one byte after `limit`, or detects the end of the source.
    /// Earlier offsets into the window become invalid.
    mutating func refill() throws {
        countLines(to: position)
        countedTo = 0
        if position > 0 {
            memmove(base, base + position, limit - position)
            limit -= position
            dropped += position
            position = 0
        }
        if limit == capacity {
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity * 2)
            larger.update(from: base, count: limit)
            base.deallocate()
            base = larger
            capacity *= 2
        }
        let room = UnsafeMutableRawBufferPointer(start: base + limit, count: capacity - limit)
        let count =
            if let source {
                try source(room)
            } else {
                try repeatingInterrupted("read", on: path) {
                    pread(descriptor, room.baseAddress!, room.count, dropped + limit)
                }
            }
        precondition(count <= room.count)
        limit += count
        isLast = count == 0
    }

    /// Whether the source is a file that can be read at any offset.
    var isSeekable: Bool { source == nil }

    /// Moves to an offset of a file, which is on the line with that number.
    mutating func seek(to offset: Int, line: Int) {
        precondition(isSeekable, "a stream has no offsets")
        dropped = offset
        position = 0
        limit = 0
        isLast = false
        countedLines = line - 1
        countedTo = 0
    }

    /// The physical line, from 1, of the byte at an offset that is not less than `position` was at the last call.
    mutating func line(at offset: Int) -> Int {
        if offset < countedTo {
            return countedLines + 1 - newlines(in: offset..<countedTo)
        }
        countLines(to: offset)
        return countedLines + 1
    }

    /// Lines are counted per chunk and on demand, not per row.
    private mutating func countLines(to offset: Int) {
        guard offset > countedTo else { return }
        countedLines += newlines(in: countedTo..<offset)
        countedTo = offset
    }

    private func newlines(in range: Range<Int>) -> Int {
        var count = 0
        var at = range.lowerBound
        while at < range.upperBound, let found = memchr(base + at, Int32(CSV.lineFeed), range.upperBound - at) {
            count += 1
            at = UnsafeMutablePointer<UInt8>(found.assumingMemoryBound(to: UInt8.self)) - base + 1
        }
        return count
    }
}
