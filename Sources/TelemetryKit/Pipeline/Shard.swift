import TelemetryModels

/// The share of the GPUs that one of several collectors writes: `2/4` is the second of four.
public struct Shard: Sendable, Hashable, CustomStringConvertible {
    /// The index, from 1.
    public let index: Int
    /// The number of shares.
    public let count: Int

    /// `nil` unless 1 ≤ index ≤ count.
    public init?(index: Int, count: Int) {
        guard index >= 1, index <= count else { return nil }
        self.index = index
        self.count = count
    }

    /// Parses `2/4`.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Int(parts[0]), let count = Int(parts[1]) else { return nil }
        self.init(index: index, count: count)
    }

    public var description: String { "\(index)/\(count)" }

    /// Whether the GPU is in this share. Every GPU is in exactly one, in every process.
    public func contains(uuid: String) -> Bool {
        Int(Shard.hash(uuid) % UInt64(count)) == index - 1
    }

    /// FNV-1a, 64 bits, over the UTF-8 bytes: unlike Swift's own hash it is the same in every process.
    public static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    /// Returns the samples of a batch that are in this share.
    public func filter(_ batch: MetricBatch) -> MetricBatch {
        let isMine = batch.series.map { contains(uuid: $0.gpu.uuid) }
        if isMine.allSatisfy({ $0 }) { return batch }
        var share = MetricBatch(batchID: batch.batchID, source: batch.source, collectedAt: batch.collectedAt)
        let places = zip(batch.series, isMine).map { series, mine in mine ? share.addSeries(series) : 0 }
        for i in 0..<batch.count {
            let index = Int(batch.seriesIndices[i])
            if isMine[index] {
                share.append(seriesIndex: places[index], timestamp: batch.timestamps[i], value: batch.values[i])
            }
        }
        return share
    }
}
