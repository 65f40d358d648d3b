import TelemetryModels

/// Reads the samples of a series by index, one block at a time.
struct SeriesReader {
    let metricName: String
    let uuid: String
    private let sealed: ArraySlice<SealedBlock>
    private let open: SampleBlock
    /// The number of samples before each block; the open one is the last.
    private let starts: [Int]
    /// The range of samples to read, counted from the first block's first.
    private var lower = 0
    private var upper: Int
    /// The block that was read last.
    private var timesBlock = -1
    private var times: [Int64] = []
    private var wholeBlock = -1
    private var whole = SampleBlock()

    /// Only the samples between the times, both inclusive, whose series the filter includes.
    init(_ snapshot: SeriesSnapshot, _ filter: SampleFilter, from start: Int64, through end: Int64) {
        metricName = snapshot.metricName
        uuid = snapshot.uuid
        if filter.hostnames.isEmpty && filter.modelNames.isEmpty || snapshot.variants.allSatisfy(filter.includes) {
            sealed = snapshot.sealed
            open = snapshot.open
        } else {
            sealed = []
            open = snapshot.samples(where: filter.includes)
        }
        var starts: [Int] = []
        starts.reserveCapacity(sealed.count + 1)
        var before = 0
        for block in sealed {
            starts.append(before)
            before += block.count
        }
        starts.append(before)
        self.starts = starts
        upper = before + open.count
        lower = count(before: start)
        if end < .max { upper = lower + count(before: end + 1) }
    }

    var count: Int { upper - lower }

    /// The number of samples older than `time`.
    mutating func count(before time: Int64) -> Int {
        let block = sealed.firstSortedIndex { $0.lastTime >= time } - sealed.startIndex
        var position = starts[block]
        if block < sealed.count {
            if firstTime(block) < time {
                load(times: block)
                position += times.firstSortedIndex { $0 >= time }
            }
        } else {
            position += open.firstIndex(notBefore: time)
        }
        return min(max(0, position - lower), count)
    }

    mutating func time(at index: Int) -> Int64 {
        let place = place(index)
        if place.block == sealed.count { return open.times[place.index] }
        if place.index == 0 { return firstTime(place.block) }
        load(times: place.block)
        return times[place.index]
    }

    mutating func metric(at index: Int) -> GPUMetric {
        let place = place(index)
        if place.block == sealed.count { return open.metric(at: place.index) }
        if wholeBlock != place.block {
            load(times: place.block)
            whole = sealed[sealed.startIndex + place.block].decoded(times: times)
            wholeBlock = place.block
        }
        return whole.metric(at: place.index)
    }

    private func firstTime(_ block: Int) -> Int64 { sealed[sealed.startIndex + block].firstTime }

    private mutating func load(times block: Int) {
        guard timesBlock != block else { return }
        times = sealed[sealed.startIndex + block].allTimes()
        timesBlock = block
    }

    private func place(_ index: Int) -> (block: Int, index: Int) {
        let position = lower + index
        // Usually the same block as before.
        if timesBlock >= 0, starts[timesBlock] <= position, position < starts[timesBlock + 1] {
            return (timesBlock, position - starts[timesBlock])
        }
        let block = starts.firstSortedIndex { $0 > position } - 1
        return (block, position - starts[block])
    }
}

extension SeriesSnapshot {
    var isEmpty: Bool { sealed.isEmpty && open.isEmpty }

    /// All variants of the samples, each at least once.
    var variants: [MetricSeries] {
        var variants: [MetricSeries] = []
        for block in sealed {
            for variant in block.variants where variants.last !== variant.series { variants.append(variant.series) }
        }
        for variant in open.variants where variants.last !== variant.series { variants.append(variant.series) }
        return variants
    }

    /// The samples whose series satisfies the condition, uncompressed.
    func samples(where includes: (MetricSeries) -> Bool) -> SampleBlock {
        var samples = SampleBlock()
        for block in sealed where block.variants.contains(where: { includes($0.series) }) {
            samples.append(block.decoded().filtered(includes))
        }
        samples.append(open.filtered(includes))
        return samples
    }
}
