import Glibc

/// A map from byte keys to numbers, for example from a row's identity columns to a series, without allocation for known
/// keys.
///
/// An open-addressing table; a slot contains the hash and the index of an entry, and an entry the position of its key
/// in one arena.
@usableFromInline
package struct ByteKeyTable: Sendable {
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var hash: UInt64
        @usableFromInline var keyStart: Int
        @usableFromInline var keyEnd: Int
        @usableFromInline var number: UInt32
    }

    /// Entry index + 1; 0 is free. A power of two in size, at most half full.
    @usableFromInline var slots: [UInt32]
    @usableFromInline var entries: [Entry] = []
    @usableFromInline var arena: [UInt8] = []

    /// `slots` is a power of two.
    package init(slots: Int = 1024) { self.slots = Array(repeating: 0, count: slots) }

    /// The number of a key given in pieces, or `nil` where it was not added yet.
    @inlinable
    @inline(__always)
    package func find(_ hash: UInt64, _ pieces: Int, _ piece: (Int) -> UnsafeRawBufferPointer) -> UInt32? {
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let entry = entries[Int(slots[slot]) - 1]
            if entry.hash == hash, matches(entry, pieces, piece) { return entry.number }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Pieces lie in the arena each behind its length, so that no two keys are the same bytes cut differently.
    @inlinable
    @inline(__always)
    func matches(_ entry: Entry, _ pieces: Int, _ piece: (Int) -> UnsafeRawBufferPointer) -> Bool {
        arena.withUnsafeBytes { arena in
            var at = entry.keyStart
            for i in 0..<pieces {
                let bytes = piece(i)
                guard Int(arena.loadUnaligned(fromByteOffset: at, as: UInt32.self)) == bytes.count else { return false }
                at += 4
                if bytes.count > 0, memcmp(arena.baseAddress! + at, bytes.baseAddress!, bytes.count) != 0 {
                    return false
                }
                at += bytes.count
            }
            return true
        }
    }

    package mutating func add(_ hash: UInt64, _ pieces: Int, _ piece: (Int) -> UnsafeRawBufferPointer, number: UInt32) {
        let start = arena.count
        for i in 0..<pieces {
            let bytes = piece(i)
            withUnsafeBytes(of: UInt32(bytes.count)) { arena.append(contentsOf: $0) }
            arena.append(contentsOf: bytes)
        }
        entries.append(Entry(hash: hash, keyStart: start, keyEnd: arena.count, number: number))
        if entries.count * 2 > slots.count {
            slots = Array(repeating: 0, count: slots.count * 2)
            for index in entries.indices { place(index) }
        } else {
            place(entries.count - 1)
        }
    }

    /// The same keys with new numbers; a key without a new number is removed.
    package func renumbered(_ numbers: [UInt32?]) -> ByteKeyTable {
        var kept = ByteKeyTable()
        for entry in entries {
            guard let number = numbers[Int(entry.number)] else { continue }
            let start = kept.arena.count
            kept.arena += arena[entry.keyStart..<entry.keyEnd]
            kept.entries.append(Entry(hash: entry.hash, keyStart: start, keyEnd: kept.arena.count, number: number))
        }
        while kept.entries.count * 2 > kept.slots.count { kept.slots += kept.slots }
        for index in kept.entries.indices { kept.place(index) }
        return kept
    }

    private mutating func place(_ entry: Int) {
        var slot = Int(truncatingIfNeeded: entries[entry].hash) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = UInt32(entry + 1)
    }
}
