/// Consecutive samples of one stored series, in columns, in strictly ascending order of time.
///
/// A sample keeps the ``MetricSeries`` it came with. Mostly all samples of a block share one, and the column that says
/// which is left empty.
struct SampleBlock {
    /// Beyond twice this a block is cut in two, so that an insert in the middle moves little.
    static let capacity = 512

    private(set) var times: [Int64] = []
    private(set) var values: [Double] = []
    private(set) var variants: [MetricSeries] = []
    private var variantColumn: [UInt16] = []

    init() {}

    init(time: Int64, value: Double, series: MetricSeries) {
        times = [time]
        values = [value]
        variants = [series]
    }

    var count: Int { times.count }
    var isFull: Bool { times.count >= Self.capacity }
    var firstTime: Int64 { times[0] }
    var lastTime: Int64 { times[times.count - 1] }

    func series(at index: Int) -> MetricSeries {
        variantColumn.isEmpty ? variants[0] : variants[Int(variantColumn[index])]
    }

    /// The index of the first sample at or after `time`; ``count`` where there is none.
    func firstIndex(notBefore time: Int64) -> Int {
        times.firstSortedIndex { $0 >= time }
    }

    /// Adds a sample that is newer than all in the block.
    @inline(__always)
    mutating func append(time: Int64, value: Double, series: MetricSeries) {
        let variant = variantIndex(of: series)
        times.append(time)
        values.append(value)
        if variants.count > 1 { variantColumn.append(variant) }
    }

    /// Puts a sample in its place; one of the same time is replaced. Returns whether there was none.
    mutating func insert(time: Int64, value: Double, series: MetricSeries) -> Bool {
        let index = firstIndex(notBefore: time)
        let variant = variantIndex(of: series)
        if index < count, times[index] == time {
            values[index] = value
            if variants.count > 1 { variantColumn[index] = variant }
            return false
        }
        times.insert(time, at: index)
        values.insert(value, at: index)
        if variants.count > 1 { variantColumn.insert(variant, at: index) }
        return true
    }

    @inline(__always)
    private mutating func variantIndex(of series: MetricSeries) -> UInt16 {
        if let last = variants.last, last === series { return UInt16(variants.count - 1) }
        return addVariant(series)
    }

    private mutating func addVariant(_ series: MetricSeries) -> UInt16 {
        if let known = variants.firstIndex(of: series) { return UInt16(known) }
        // A block never has more samples than indices: it is cut long before.
        variants.append(series)
        if variants.count == 2 { variantColumn = [UInt16](repeating: 0, count: count) }
        return UInt16(variants.count - 1)
    }

    /// Takes the samples at `range` out as a block of its own.
    private func part(_ range: Range<Int>) -> SampleBlock {
        var part = SampleBlock()
        part.times = [Int64](times[range])
        part.values = [Double](values[range])
        if variantColumn.isEmpty {
            part.variants = variants
        } else {
            // Only what the samples refer to, so that series which ended are let go.
            for index in range {
                let variant = part.addVariantAhead(series(at: index))
                part.variantColumn.append(variant)
            }
            if part.variants.count == 1 { part.variantColumn = [] }
        }
        return part
    }

    private mutating func addVariantAhead(_ series: MetricSeries) -> UInt16 {
        if let known = variants.firstIndex(of: series) { return UInt16(known) }
        variants.append(series)
        return UInt16(variants.count - 1)
    }

    mutating func splitOffUpperHalf() -> SampleBlock {
        let middle = count / 2
        let upper = part(middle..<count)
        self = part(0..<middle)
        return upper
    }

    mutating func removeSamples(before time: Int64) {
        let index = firstIndex(notBefore: time)
        if index > 0 { self = part(index..<count) }
    }
}

extension Array {
    /// In an array where the elements that satisfy the condition follow all that do not: the index of the first that does.
    func firstSortedIndex(where condition: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
