import TelemetryModels

/// Consecutive samples of one series, in uncompressed columns, in strictly ascending order of time.
///
/// A sample keeps the ``MetricSeries`` it arrived with. Usually all samples of a block share one, and the column of
/// variants is left empty.
struct SampleBlock {
    private(set) var times: [Int64] = []
    private(set) var values: [Double] = []
    private(set) var variants: [StoredVariant] = []
    private(set) var variantColumn: [UInt32] = []
    /// The last of the variants: comparing with it needs no retain.
    private var lastVariant: ObjectIdentifier?

    init() {}

    init(times: [Int64], values: [Double], variants: [StoredVariant], variantColumn: [UInt32]) {
        self.times = times
        self.values = values
        self.variants = variants
        self.variantColumn = variantColumn
        lastVariant = variants.last.map(ObjectIdentifier.init)
    }

    var count: Int { times.count }
    var isEmpty: Bool { times.isEmpty }
    var firstTime: Int64 { times[0] }
    var lastTime: Int64 { times[times.count - 1] }

    /// The memory used by the columns.
    var byteCount: Int {
        times.capacity == 0
            ? 0
            : allocated(32 + times.capacity * 8) + allocated(32 + values.capacity * 8)
                + (variantColumn.capacity == 0 ? 0 : allocated(32 + variantColumn.capacity * 4))
                + allocated(32 + variants.capacity * 8)
    }

    func series(at index: Int) -> MetricSeries {
        variant(at: index).series
    }

    private func variant(at index: Int) -> StoredVariant {
        variantColumn.isEmpty ? variants[0] : variants[Int(variantColumn[index])]
    }

    func metric(at index: Int) -> GPUMetric {
        GPUMetric(timestamp: Timestamp(nanoseconds: times[index]), value: values[index], series: series(at: index))
    }

    /// The index of the first sample at or after `time`; ``count`` if there is none.
    func firstIndex(notBefore time: Int64) -> Int {
        times.firstSortedIndex { $0 >= time }
    }

    /// Adds a sample that is newer than all in the block.
    @inline(__always)
    mutating func append(time: Int64, value: Double, series: StoredVariant) {
        let variant = variantIndex(of: series)
        times.append(time)
        values.append(value)
        if variants.count > 1 { variantColumn.append(variant) }
    }

    /// Adds the samples of a block that is newer as a whole.
    mutating func append(_ newer: SampleBlock) {
        if newer.variants.count == 1, variants.count == 1, newer.variants[0] === variants[0] {
            times += newer.times
            values += newer.values
        } else {
            for i in 0..<newer.count {
                append(time: newer.times[i], value: newer.values[i], series: newer.variant(at: i))
            }
        }
    }

    /// Inserts a sample in order; one with the same time is replaced. Returns whether anything changed.
    mutating func insert(time: Int64, value: Double, series: StoredVariant) -> Bool {
        let index = firstIndex(notBefore: time)
        if index < count, times[index] == time {
            if values[index].bitPattern == value.bitPattern, self.series(at: index) == series.series { return false }
            let variant = variantIndex(of: series)
            values[index] = value
            if variants.count > 1 { variantColumn[index] = variant }
            return true
        }
        let variant = variantIndex(of: series)
        times.insert(time, at: index)
        values.insert(value, at: index)
        if variants.count > 1 { variantColumn.insert(variant, at: index) }
        return true
    }

    @inline(__always)
    private mutating func variantIndex(of series: StoredVariant) -> UInt32 {
        lastVariant == ObjectIdentifier(series) ? UInt32(variants.count - 1) : addVariant(series)
    }

    private mutating func addVariant(_ series: StoredVariant) -> UInt32 {
        if let known = variants.firstIndex(where: { $0.series == series.series }) { return UInt32(known) }
        // Replaced samples leave variants that are not used any more.
        if variants.count >= count + 1024 { self = part(0..<count) }
        variants.append(series)
        lastVariant = ObjectIdentifier(series)
        if variants.count == 2 { variantColumn = [UInt32](repeating: 0, count: count) }
        return UInt32(variants.count - 1)
    }

    /// The samples at `range` as a separate block, with only the variants that they use.
    func part(_ range: Range<Int>) -> SampleBlock {
        var part = SampleBlock()
        part.times = [Int64](times[range])
        part.values = [Double](values[range])
        if variantColumn.isEmpty {
            part.variants = variants
        } else {
            var numbers = [UInt32?](repeating: nil, count: variants.count)
            for variant in variantColumn[range] {
                if numbers[Int(variant)] == nil {
                    numbers[Int(variant)] = UInt32(part.variants.count)
                    part.variants.append(variants[Int(variant)])
                }
                part.variantColumn.append(numbers[Int(variant)]!)
            }
            if part.variants.count == 1 { part.variantColumn = [] }
        }
        part.lastVariant = part.variants.last.map(ObjectIdentifier.init)
        return part
    }

    /// Only the samples whose series satisfies the condition.
    func filtered(_ includes: (MetricSeries) -> Bool) -> SampleBlock {
        if variants.allSatisfy({ includes($0.series) }) { return self }
        var kept = SampleBlock()
        for i in 0..<count where includes(series(at: i)) {
            kept.append(time: times[i], value: values[i], series: variant(at: i))
        }
        return kept
    }
}

extension Collection where Index == Int {
    /// In a collection whose elements that do not satisfy the condition come first: the index of the first that does.
    package func firstSortedIndex(where condition: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
