/// All samples of one metric of one GPU: a list of blocks, each wholly older than the next, of which the last grows.
///
/// Belongs to the store's lock.
final class StoredSeries {
    let metricName: String
    let uuid: String
    private(set) var blocks: [SampleBlock] = []
    private(set) var count = 0

    init(metricName: String, uuid: String) {
        self.metricName = metricName
        self.uuid = uuid
    }

    var isEmpty: Bool { blocks.isEmpty }
    var firstTime: Int64? { blocks.first?.firstTime }
    var lastTime: Int64? { blocks.last?.lastTime }
    var newest: MetricSeries? { blocks.last.map { $0.series(at: $0.count - 1) } }

    /// Stores a sample; returns whether it is new, that is, replaces none of the same time.
    @inline(__always)
    func store(time: Int64, value: Double, series: MetricSeries) -> Bool {
        let last = blocks.count - 1
        if last >= 0, time > blocks[last].lastTime {
            count += 1
            if blocks[last].isFull {
                blocks.append(SampleBlock(time: time, value: value, series: series))
            } else {
                blocks[last].append(time: time, value: value, series: series)
            }
            return true
        }
        return insert(time: time, value: value, series: series)
    }

    private func insert(time: Int64, value: Double, series: MetricSeries) -> Bool {
        guard !blocks.isEmpty else {
            blocks.append(SampleBlock(time: time, value: value, series: series))
            count += 1
            return true
        }
        let index = Swift.max(0, blocks.firstSortedIndex { $0.firstTime > time } - 1)
        let isNew = blocks[index].insert(time: time, value: value, series: series)
        if isNew { count += 1 }
        if blocks[index].count > 2 * SampleBlock.capacity {
            blocks.insert(blocks[index].splitOffUpperHalf(), at: index + 1)
        }
        return isNew
    }

    /// How many samples are at or after `time`.
    func count(from time: Int64) -> Int {
        var before = 0
        for block in blocks {
            guard block.lastTime < time else {
                before += block.firstTime < time ? block.firstIndex(notBefore: time) : 0
                break
            }
            before += block.count
        }
        return count - before
    }

    /// The time of the first sample at or after `time`.
    func firstTime(from time: Int64) -> Int64? {
        let index = blocks.firstSortedIndex { $0.lastTime >= time }
        guard index < blocks.count else { return nil }
        return blocks[index].times[blocks[index].firstIndex(notBefore: time)]
    }

    func removeSamples(before time: Int64) {
        let whole = blocks.firstSortedIndex { $0.lastTime >= time }
        blocks.removeFirst(whole)
        if !blocks.isEmpty { blocks[0].removeSamples(before: time) }
        count = blocks.reduce(0) { $0 + $1.count }
    }

    /// The samples from `start` to `end`, both inclusive, as they are now: later writes do not change it.
    func snapshot(from start: Int64, through end: Int64) -> SeriesSnapshot {
        let first = blocks.firstSortedIndex { $0.lastTime >= start }
        let behind = blocks.firstSortedIndex { $0.firstTime > end }
        guard first < behind else { return SeriesSnapshot(metricName: metricName, uuid: uuid, blocks: [], lower: 0, upper: 0) }
        let range = blocks[first..<behind]
        let lastBlock = range[behind - 1]
        let upperInLast = end == .max ? lastBlock.count : lastBlock.firstIndex(notBefore: end + 1)
        let before = range.dropLast().reduce(0) { $0 + $1.count }
        return SeriesSnapshot(
            metricName: metricName, uuid: uuid, blocks: Array(range), lower: range[first].firstIndex(notBefore: start),
            upper: before + upperInLast)
    }
}

/// Samples of one series, taken under the lock and read outside of it. Copies no sample until the series is written to.
struct SeriesSnapshot {
    let metricName: String
    let uuid: String
    private let blocks: [SampleBlock]
    /// Number of samples in the blocks before each block.
    private let starts: [Int]
    /// The samples meant, counted from the first block's first.
    private let lower: Int
    private let upper: Int

    init(metricName: String, uuid: String, blocks: [SampleBlock], lower: Int, upper: Int) {
        self.metricName = metricName
        self.uuid = uuid
        self.blocks = blocks
        self.lower = lower
        self.upper = upper
        var starts: [Int] = []
        starts.reserveCapacity(blocks.count)
        var before = 0
        for block in blocks {
            starts.append(before)
            before += block.count
        }
        self.starts = starts
    }

    /// Only the samples of hosts and models that the filter includes.
    func filtered(by filter: SampleFilter) -> SeriesSnapshot {
        let variants = blocks.flatMap(\.variants)
        if variants.allSatisfy(filter.includes) { return self }
        let kept = StoredSeries(metricName: metricName, uuid: uuid)
        for index in 0..<count {
            let sample = metric(at: index)
            if filter.includes(sample.series) { _ = kept.store(time: sample.timestamp.nanoseconds, value: sample.value, series: sample.series) }
        }
        return kept.snapshot(from: .min, through: .max)
    }

    var count: Int { Swift.max(0, upper - lower) }
    var timeRange: ClosedRange<Int64>? { count == 0 ? nil : time(at: 0)...time(at: count - 1) }

    private func place(_ index: Int) -> (block: Int, index: Int) {
        let position = lower + index
        let block = starts.firstSortedIndex { $0 > position } - 1
        return (block, position - starts[block])
    }

    func time(at index: Int) -> Int64 {
        let place = place(index)
        return blocks[place.block].times[place.index]
    }

    func metric(at index: Int) -> GPUMetric {
        let place = place(index)
        let block = blocks[place.block]
        return GPUMetric(
            timestamp: Timestamp(nanoseconds: block.times[place.index]), value: block.values[place.index],
            series: block.series(at: place.index))
    }

    /// How many of the samples are older than `time`.
    func count(before time: Int64) -> Int {
        let block = blocks.firstSortedIndex { $0.lastTime >= time }
        guard block < blocks.count else { return count }
        let position = starts[block] + blocks[block].firstIndex(notBefore: time)
        return Swift.min(Swift.max(0, position - lower), count)
    }
}
