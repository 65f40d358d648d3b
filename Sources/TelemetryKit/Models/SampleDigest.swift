/// A checksum of a set of samples, so that two ends of a pipeline can be compared: equal digests mean that nothing was lost, changed
/// or doubled in between.
///
/// It does not depend on the order of the samples nor on how they are cut into batches, and is the same in every process: the sum,
/// modulo 2^64, of a hash of each sample's metric name, uuid, time and value. Digests of parts add up. It tells accidents, not forgers.
public struct SampleDigest: Sendable, Hashable, CustomStringConvertible {
    /// Samples that went in.
    public private(set) var count = 0
    public private(set) var sum: UInt64 = 0

    public init() {}

    public init(_ batch: MetricBatch) {
        let series = batch.series.map(\.identityHash)
        for i in 0..<batch.count {
            sum &+= StableHash.mix(
                StableHash.mix(series[Int(batch.seriesIndices[i])], UInt64(bitPattern: batch.timestamps[i])), batch.values[i].bitPattern)
        }
        count = batch.count
    }

    public mutating func add(_ other: SampleDigest) {
        count += other.count
        sum &+= other.sum
    }

    /// The count, and the sum in hexadecimal digits: `12350-9c1185a5c5e9fc54`.
    public var description: String {
        let digits = String(sum, radix: 16)
        return "\(count)-" + String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

/// A hash that is the same in every process and on every machine, unlike `Hasher`.
enum StableHash {
    /// Mixes 8 bytes at a time.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var at = 0
        while at + 8 <= bytes.count {
            state = mix(state, bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self).littleEndian)
            at += 8
        }
        if at < bytes.count {
            var tail: UInt64 = 0
            for i in at..<bytes.count { tail = tail << 8 | UInt64(bytes[i]) }
            state = mix(state, tail)
        }
        return state
    }

    static func hash(_ text: String, seed: UInt64) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0), seed: seed) }
    }

    /// One multiplication of 64 by 64 to 128 bits, halves folded.
    @inline(__always)
    static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = (a ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: b ^ 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
}
