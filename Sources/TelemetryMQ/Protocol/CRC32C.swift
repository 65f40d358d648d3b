import CLinux

/// Computes the Castagnoli CRC of RFC 3720 (iSCSI), as the processors' own instruction does.
package enum CRC32C {
    /// `seed`: the checksum of the bytes before these, so that separate parts can be processed in order.
    package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let start = bytes.baseAddress else { return seed }
        if hasInstruction {
            return ~clinux_crc32c(~seed, start.assumingMemoryBound(to: UInt8.self), bytes.count, shifts)
        }
        return tableChecksum(bytes, seed: seed)
    }

    private static let hasInstruction = clinux_has_crc32c() != 0

    /// For processors without the instruction, and as a reference in tests.
    static func tableChecksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        var crc = ~seed
        for byte in bytes {
            crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8
        }
        return ~crc
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { crc, _ in crc & 1 != 0 ? 0x82F6_3B78 ^ crc >> 1 : crc >> 1 }
    }

    /// At n: x^(64n-33) modulo the polynomial, with its bits reversed. Never freed.
    // Sound because it is never written to after its creation.
    private nonisolated(unsafe) static let shifts: UnsafePointer<UInt64> = {
        let count = 2 * Int(CLINUX_CRC32C_MAX_STRETCH) / 8 + 1
        let shifts = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        shifts[0] = 0
        // x^31 is the lowest bit.
        var power: UInt32 = 1
        for n in 1..<count {
            shifts[n] = UInt64(power)
            for _ in 0..<64 { power = power & 1 != 0 ? 0x82F6_3B78 ^ power >> 1 : power >> 1 }
        }
        return UnsafePointer(shifts)
    }()
}
