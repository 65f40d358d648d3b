/// Bytes that are appended at the end and consumed at the front, in one piece of memory that is freed when empty.
@usableFromInline
package struct ByteQueue: ~Copyable {
    private var storage: UnsafeMutableRawPointer?
    private var head = 0
    private var tail = 0

    @usableFromInline
    package init() {}

    deinit { storage?.deallocate() }

    package var count: Int { tail - head }
    package var isEmpty: Bool { tail == head }
    /// The capacity of the buffer in bytes.
    package private(set) var capacity = 0

    /// The bytes; valid until the next change.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: storage.map { UnsafeRawPointer($0 + head) }, count: count)
    }

    /// Returns space for at least `count` bytes at the end, to be filled and then taken by ``commit(_:)``.
    package mutating func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if capacity - tail < count { makeRoom(count) }
        return UnsafeMutableRawBufferPointer(start: storage! + tail, count: capacity - tail)
    }

    package mutating func commit(_ count: Int) {
        tail += count
        assert(tail <= capacity)
    }

    package mutating func consume(_ count: Int) {
        head += count
        assert(head <= tail)
        if head == tail {
            head = 0
            tail = 0
        }
    }

    /// Drops bytes at the end, back to an earlier ``count``.
    package mutating func truncate(to count: Int) {
        tail = head + count
    }

    /// Frees the buffer if the queue is empty.
    package mutating func releaseIfEmpty() {
        guard isEmpty, let storage else { return }
        storage.deallocate()
        self.storage = nil
        capacity = 0
    }

    /// Frees most of a large buffer of which little is used.
    package mutating func releaseExcess(above kept: Int) {
        guard capacity > kept, count <= kept / 2, let storage else { return releaseIfEmpty() }
        guard !isEmpty else { return releaseIfEmpty() }
        let (held, new) = (count, UnsafeMutableRawPointer.allocate(byteCount: kept / 2, alignment: 16))
        new.copyMemory(from: storage + head, byteCount: held)
        storage.deallocate()
        self.storage = new
        capacity = kept / 2
        head = 0
        tail = held
    }

    @usableFromInline
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return }
        room(bytes.count).baseAddress!.copyMemory(from: start, byteCount: bytes.count)
        tail += bytes.count
    }

    @usableFromInline
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    @usableFromInline
    package mutating func appendDecimal(_ value: UInt64) {
        tail += writeDecimal(value, to: room(maxDecimalDigits).baseAddress!)
    }

    /// Overwrites four bytes, counted from the front, with a big-endian number.
    package mutating func setUInt32(_ value: UInt32, at index: Int) {
        storage!.storeBytes(of: value.bigEndian, toByteOffset: head + index, as: UInt32.self)
    }

    private mutating func makeRoom(_ wanted: Int) {
        let held = count
        if let storage, head >= held, capacity - held >= wanted, head > 0 {
            storage.copyMemory(from: storage + head, byteCount: held)
        } else {
            let grown = max(capacity * 2, held + wanted, 512)
            let new = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
            if let storage {
                new.copyMemory(from: storage + head, byteCount: held)
                storage.deallocate()
            }
            storage = new
            capacity = grown
        }
        head = 0
        tail = held
    }
}
