import Glibc
import TelemetryBase
import TelemetryMQProtocol

/// Records that are appended together by one gathered write.
///
/// Small payloads are copied next to their envelopes; large ones are not copied, so their bytes must stay valid until
/// the batch is written.
package struct AppendBatch: ~Copyable {
    /// The minimum size of a payload that is not copied: below it, copying costs less than an additional part.
    private static let largePayload = 4096
    /// The minimum distance in bytes between two marks.
    static let markInterval: Int64 = 32 * 1024
    private static let usualCapacity = 256 * 1024

    private var staging = UnsafeMutableRawPointer.allocate(byteCount: usualCapacity, alignment: 16)
    private var capacity = usualCapacity
    private var used = 0
    /// The payloads that are not in the staging memory, each with the number of staged bytes before it.
    private var outside: [(stagedBefore: Int, bytes: UnsafeRawBufferPointer)] = []
    package private(set) var byteCount: Int64 = 0
    /// The start positions of some of the records, counted from the start of the batch.
    private(set) var marks: [SegmentIndex.Mark] = []
    package private(set) var firstOffset: Int64
    package private(set) var count = 0
    package private(set) var lastTimestamp: Int64 = 0
    /// The latest timestamp of its records.
    private(set) var newestTimestamp: Int64 = 0

    private let prefix = UnsafeMutableRawPointer.allocate(byteCount: Record.maxOverhead, alignment: 16)
    private var prefixCount = 0
    private var prefixDigits = 0
    private var prefixOffset: Int64 = -2
    private var prefixTimestamp: Int64 = -1

    package init(firstOffset: Int64) {
        self.firstOffset = firstOffset
    }

    deinit {
        staging.deallocate()
        prefix.deallocate()
    }

    @inlinable
    package var isEmpty: Bool { count == 0 }
    @inlinable
    package var nextOffset: Int64 { firstOffset + Int64(count) }

    /// Removes the records and keeps the memory, up to a limit.
    package mutating func reset(firstOffset: Int64) {
        self.firstOffset = firstOffset
        used = 0
        outside.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
        byteCount = 0
        count = 0
        newestTimestamp = 0
        if capacity > 4 << 20 {
            staging.deallocate()
            capacity = Self.usualCapacity
            staging = .allocate(byteCount: capacity, alignment: 16)
        }
    }

    /// Adds a record and returns its offset. `producerID`: a JSON string with its quotes.
    @discardableResult
    package mutating func append(
        payload: UnsafeRawBufferPointer, timestamp: Int64, producerID: UnsafeRawBufferPointer? = nil,
        sequence: Int64 = 0
    ) -> Int64 {
        let offset = nextOffset
        let copied = payload.count < Self.largePayload
        reserve(Record.maxOverhead + (producerID?.count ?? 0) + (copied ? payload.count : 0))
        let isTurn = count > 0 && timestamp < lastTimestamp
        if marks.isEmpty || isTurn || byteCount - marks[marks.count - 1].position >= Self.markInterval {
            marks.append(SegmentIndex.Mark(offset: offset, position: byteCount, timestamp: timestamp, isTurn: isTurn))
        }
        let start = used
        used += Record.lengthBytes
        putEnvelope(offset: offset, timestamp: timestamp)
        if let producerID {
            put(Record.producerName)
            put(producerID)
            put(Record.sequenceName)
            put(decimal: sequence)
        }
        put(Record.payloadName)
        let total = used - start + payload.count + Record.trailerBytes
        staging.storeBytes(of: UInt32(total - Record.lengthBytes).bigEndian, toByteOffset: start, as: UInt32.self)
        if copied { put(payload) }
        var checksum = CRC32C.checksum(UnsafeRawBufferPointer(start: staging + start, count: used - start))
        if !copied {
            checksum = CRC32C.checksum(payload, seed: checksum)
            outside.append((used, payload))
        }
        put(Checksum.name)
        staging.storeBytes(of: hexDigits(checksum), toByteOffset: used, as: UInt64.self)
        used += 8
        put("\"}")
        byteCount += Int64(total)
        count += 1
        lastTimestamp = timestamp
        newestTimestamp = max(newestTimestamp, timestamp)
        return offset
    }

    /// The parts to write, in order; valid until the next change.
    func parts() -> [iovec] {
        var parts: [iovec] = []
        parts.reserveCapacity(2 * outside.count + 1)
        var staged = 0
        for part in outside {
            if part.stagedBefore > staged {
                parts.append(iovec(iov_base: staging + staged, iov_len: part.stagedBefore - staged))
            }
            staged = part.stagedBefore
            parts.append(
                iovec(iov_base: UnsafeMutableRawPointer(mutating: part.bytes.baseAddress!), iov_len: part.bytes.count))
        }
        if used > staged { parts.append(iovec(iov_base: staging + staged, iov_len: used - staged)) }
        return parts
    }

    /// The record's text up to its timestamp. From one record to the next usually only the last digits of the offset
    /// change, so the text is kept and its digits are incremented, which costs a tenth of writing it again.
    private mutating func envelope(offset: Int64, timestamp: Int64) -> UnsafeRawBufferPointer {
        let digits = prefixDigits
        if timestamp == prefixTimestamp, offset == prefixOffset + 1, countUp(digits) {
            prefixOffset = offset
            let first = prefix + Record.opening.utf8CodeUnitCount
            (first + digits + Record.offsetName.utf8CodeUnitCount).copyMemory(from: first, byteCount: digits)
            return UnsafeRawBufferPointer(start: prefix, count: prefixCount)
        }
        var end = 0
        func put(_ text: StaticString) {
            (prefix + end).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
            end += text.utf8CodeUnitCount
        }
        put(Record.opening)
        prefixDigits = writeDecimal(UInt64(offset), to: prefix + end)
        end += prefixDigits
        put(Record.offsetName)
        end += writeDecimal(UInt64(offset), to: prefix + end)
        put(Record.timestampName)
        end += writeDecimal(UInt64(timestamp), to: prefix + end)
        prefixCount = end
        prefixOffset = offset
        prefixTimestamp = timestamp
        return UnsafeRawBufferPointer(start: prefix, count: end)
    }

    /// Adds one to the first of the two offsets; `false` if it needs one more digit.
    private func countUp(_ digits: Int) -> Bool {
        let number = (prefix + Record.opening.utf8CodeUnitCount).assumingMemoryBound(to: UInt8.self)
        var place = digits - 1
        while place >= 0, number[place] == UInt8(ascii: "9") {
            number[place] = UInt8(ascii: "0")
            place -= 1
        }
        guard place >= 0 else { return false }
        number[place] += 1
        return true
    }

    /// Copies in blocks of 32 bytes: excess bytes are overwritten, or lie in reserved memory.
    @inline(__always)
    private mutating func putEnvelope(offset: Int64, timestamp: Int64) {
        let text = envelope(offset: offset, timestamp: timestamp)
        var at = 0
        while at < text.count {
            let piece = text.baseAddress!.loadUnaligned(fromByteOffset: at, as: SIMD32<UInt8>.self)
            staging.storeBytes(of: piece, toByteOffset: used + at, as: SIMD32<UInt8>.self)
            at += 32
        }
        used += text.count
    }

    private mutating func reserve(_ count: Int) {
        guard used + count + 32 > capacity else { return }
        let grown = max(capacity * 2, used + count + 32)
        let new = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
        new.copyMemory(from: staging, byteCount: used)
        staging.deallocate()
        staging = new
        capacity = grown
    }

    @inline(__always)
    private mutating func put(_ text: StaticString) {
        (staging + used).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        used += text.utf8CodeUnitCount
    }

    @inline(__always)
    private mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        (staging + used).copyMemory(from: start, byteCount: bytes.count)
        used += bytes.count
    }

    @inline(__always)
    private mutating func put(decimal value: Int64) {
        used += writeDecimal(UInt64(bitPattern: value), to: staging + used)
    }
}
