/// A hash that is the same in every process and on every machine, unlike `Hasher`.
@usableFromInline
package enum StableHash {
    /// Takes in 16 bytes by each multiplication.
    @inlinable
    @inline(__always)
    package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        let count = bytes.count
        var state = seed ^ UInt64(truncatingIfNeeded: count)
        guard count >= 8 else {
            var word: UInt64 = 0
            for byte in bytes { word = word << 8 | UInt64(byte) }
            return mix(word, state)
        }
        func word(_ at: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian }
        var at = 0
        while at + 16 < count {
            state = mix(word(at), word(at + 8) ^ state)
            at += 16
        }
        // The last 16 bytes or fewer; overlapping words process some bytes twice, which does no harm.
        return mix(word(min(at, count - 8)), word(count - 8) ^ state)
    }

    package static func hash(_ text: String, seed: UInt64) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0), seed: seed) }
    }

    /// One multiplication of 64 by 64 to 128 bits, halves folded.
    @inlinable
    @inline(__always)
    package static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = (a ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: b ^ 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}
