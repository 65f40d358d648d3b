/// Consecutive samples of one series, compressed. Immutable: inserting into it creates a new one.
final class SealedBlock: Sendable {
    /// The maximum number of samples of a block when it is sealed; twice that if later samples were inserted.
    static let capacity = 512

    let count: Int
    let firstTime: Int64
    let lastTime: Int64
    /// The statistics of all values, so that whole blocks are aggregated without decompression.
    let minimum: Double
    let maximum: Double
    let sum: Double
    let times: TimeColumn
    let variants: [StoredVariant]
    private let values: [UInt8]
    /// The index of each sample's variant, as an ``IntegerColumn``; empty if there is one variant.
    private let variantColumn: [UInt8]

    /// Seals at least one sample; the samples' times are those of the column.
    init(_ block: SampleBlock, times: TimeColumn) {
        count = block.count
        firstTime = block.firstTime
        lastTime = block.lastTime
        self.times = times
        variants = block.variants
        var minimum = block.values[0]
        var maximum = minimum
        var sum = 0.0
        for value in block.values {
            minimum = Swift.min(minimum, value)
            maximum = Swift.max(maximum, value)
            sum += value
        }
        (self.minimum, self.maximum, self.sum) = (minimum, maximum, sum)
        values = block.values.withUnsafeBufferPointer(ValueColumn.encode)
        var column: [UInt8] = []
        if variants.count > 1 {
            block.variantColumn.map(Int64.init).withUnsafeBufferPointer { numbers in
                IntegerColumn.write(IntegerColumn.planValues(numbers), numbers, to: &column)
            }
            for _ in 0..<IntegerColumn.padding { column.append(0) }
        }
        variantColumn = column
    }

    func readTimes(into times: UnsafeMutablePointer<Int64>) { self.times.read(from: firstTime, into: times) }

    func readValues(into buffer: UnsafeMutablePointer<Double>) {
        values.withUnsafeBytes { ValueColumn.decode(count, from: $0.baseAddress!, into: buffer) }
    }

    func allTimes() -> [Int64] {
        [Int64](unsafeUninitializedCapacity: count) { buffer, filled in
            readTimes(into: buffer.baseAddress!)
            filled = count
        }
    }

    /// Decompresses the block. A caller that already has the times passes them.
    func decoded(times: [Int64]? = nil) -> SampleBlock {
        let values = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
            readValues(into: buffer.baseAddress!)
            filled = count
        }
        let column =
            variants.count == 1
            ? []
            : [Int64](unsafeUninitializedCapacity: count) { buffer, filled in
                variantColumn.withUnsafeBytes {
                    _ = IntegerColumn.read(count, from: $0.baseAddress!, into: buffer.baseAddress!)
                }
                filled = count
            }
        return SampleBlock(
            times: times ?? allTimes(), values: values, variants: variants, variantColumn: column.map { UInt32($0) })
    }

    /// Includes its entry in the list of blocks, but not the times and the variants, which are counted separately.
    var byteCount: Int {
        allocated(16 + 10 * 8) + allocated(32 + values.count)
            + (variantColumn.isEmpty ? 0 : allocated(32 + variantColumn.count))
            + allocated(32 + variants.capacity * 8) + 12
    }
}
