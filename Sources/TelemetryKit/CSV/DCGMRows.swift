/// Samples in columns, as ``DCGMReader`` yields them. Series indices refer to the reader's ``DCGMReader/series``.
public struct DCGMRows: Sendable {
    public var seriesIndices: [UInt32] = []
    public var timestamps: [Int64] = []
    public var values: [Double] = []

    public init() {}

    public var count: Int { values.count }

    public mutating func removeAll() {
        seriesIndices.removeAll(keepingCapacity: true)
        timestamps.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

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
