/// Samples in columns, as ``DCGMReader`` returns them. Series indices refer to the reader's ``DCGMReader/series``.
public struct DCGMRows: Sendable {
    /// The index of each sample's series.
    public var seriesIndices: [UInt32] = []
    /// The timestamps in nanoseconds since 1970-01-01T00:00:00Z.
    public var timestamps: [Int64] = []
    /// The values, always finite.
    public var values: [Double] = []

    /// Creates empty columns.
    public init() {}

    /// The number of samples.
    public var count: Int { values.count }

    /// Empties the columns and keeps their memory.
    public mutating func removeAll() {
        seriesIndices.removeAll(keepingCapacity: true)
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    /// Reserves memory for the number of samples.
    public mutating func reserveCapacity(_ count: Int) {
        seriesIndices.reserveCapacity(count)
        timestamps.reserveCapacity(count)
        values.reserveCapacity(count)
    }

    @inline(__always)
    mutating func append(_ series: UInt32, _ timestamp: Int64, _ value: Double) {
        seriesIndices.append(series)
        timestamps.append(timestamp)
        values.append(value)
    }
}
