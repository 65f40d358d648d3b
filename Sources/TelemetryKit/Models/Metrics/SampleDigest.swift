/// A checksum of a set of samples, to compare two ends of a pipeline: equal digests mean that no sample was lost,
/// changed or duplicated in between.
///
/// It does not depend on the order of the samples or on their division into batches, and is the same in every process:
/// the sum, modulo 2^64, of a hash of each sample's metric name, uuid, time and value. Digests of parts can be added.
/// It detects accidents, not forgery.
public struct SampleDigest: Sendable, Hashable, CustomStringConvertible {
    /// The number of samples included.
    public private(set) var count = 0
    /// The sum of the samples' hashes, modulo 2^64.
    public private(set) var sum: UInt64 = 0

    /// Creates a digest of no samples.
    public init() {}

    /// Creates a digest of the samples of a batch.
    public init(_ batch: MetricBatch) {
        let series = batch.series.map(\.identityHash)
        for i in 0..<batch.count {
            sum &+= StableHash.mix(
                StableHash.mix(series[Int(batch.seriesIndices[i])], UInt64(bitPattern: batch.timestamps[i])),
                batch.values[i].bitPattern)
        }
        count = batch.count
    }

    /// Adds the samples of another digest.
    public mutating func add(_ other: SampleDigest) {
        count += other.count
        sum &+= other.sum
    }

    /// Removes samples that were added before.
    public mutating func subtract(_ other: SampleDigest) {
        count -= other.count
        sum &-= other.sum
    }

    /// The count, and the sum in hexadecimal digits: `12350-9c1185a5c5e9fc54`.
    public var description: String {
        let digits = String(sum, radix: 16)
        return "\(count)-" + String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
