/// A checksum of a set of samples, so that two ends of a pipeline can be compared: equal digests mean that nothing was lost, changed
/// or doubled in between.
///
/// It does not depend on the order of the samples nor on how they are cut into batches, and is the same in every process: the sum,
/// modulo 2^64, of a hash of each sample's metric name, uuid, time and value. Digests of parts add up. It tells accidents, not forgers.
public struct SampleDigest: Sendable, Hashable, CustomStringConvertible {
    /// Samples that went in.
    public private(set) var count = 0
    /// Of the samples' hashes, modulo 2^64.
    public private(set) var sum: UInt64 = 0

    /// Of no samples.
    public init() {}

    /// Of the samples of a batch.
    public init(_ batch: MetricBatch) {
        let series = batch.series.map(\.identityHash)
        for i in 0..<batch.count {
            sum &+= StableHash.mix(
                StableHash.mix(series[Int(batch.seriesIndices[i])], UInt64(bitPattern: batch.timestamps[i])), batch.values[i].bitPattern)
        }
        count = batch.count
    }

    /// Adds the samples of another digest.
    public mutating func add(_ other: SampleDigest) {
        count += other.count
        sum &+= other.sum
    }

    /// Takes samples out that went in.
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
