import TelemetryModels

/// All samples of one metric of one GPU: sealed blocks, each older than the next as a whole, and an open one that is
/// newer than all of them and not empty while there are samples, so that the newest sample is always available.
///
/// Protected by the lock of its GPU.
struct StoredSeries {
    /// The number of samples that are kept uncompressed until they are sealed. They are added to the last sealed block
    /// until it is full, so that few samples are uncompressed and blocks are long nevertheless.
    static let openCapacity = 128

    let metricName: String
    private(set) var sealed: [SealedBlock] = []
    private(set) var open = SampleBlock()
    /// The number of samples in its sealed blocks.
    private var byteCount = 0

    init(_ series: MetricSeries) { metricName = series.metricName }

    /// The memory used by its samples, without the sealed blocks' times.
    var totalByteCount: Int { byteCount + open.byteCount }
    var isEmpty: Bool { open.isEmpty }

    /// A sample that is not newer than all others.
    struct LateSample {
        var time: Int64
        var value: Double
        var series: StoredVariant
    }

    /// Adds a sample if it is newer than all others; otherwise the caller inserts it later, together with similar
    /// samples.
    @inline(__always)
    mutating func append(time: Int64, value: Double, series: StoredVariant, columns: TimeColumns) -> Bool {
        guard open.isEmpty || time > open.lastTime else { return false }
        if open.count >= Self.openCapacity { seal(open.count, columns) }
        open.append(time: time, value: value, series: series)
        return true
    }

    /// Seals the oldest samples of the open block. The rest stays open.
    private mutating func seal(_ count: Int, _ columns: TimeColumns) {
        var block = count == open.count ? open : open.part(0..<count)
        open = count == open.count ? SampleBlock() : open.part(count..<open.count)
        if let last = sealed.last, last.count + count <= SealedBlock.capacity {
            let newer = block
            block = last.decoded()
            block.append(newer)
            remove(sealed.count - 1..<sealed.count, columns)
        }
        insert(block, at: sealed.count, columns)
    }

    private mutating func insert(_ block: SampleBlock, at index: Int, _ columns: TimeColumns) {
        let new = SealedBlock(block, times: block.times.withUnsafeBufferPointer(columns.column))
        sealed.insert(new, at: index)
        byteCount += new.byteCount
    }

    private mutating func remove(_ range: Range<Int>, _ columns: TimeColumns) {
        for block in sealed[range] {
            byteCount -= block.byteCount
            columns.release(block.times)
        }
        sealed.removeSubrange(range)
    }

    /// Inserts samples in order; of two with the same time, the later replaces the earlier.
    mutating func insert(_ late: [LateSample], columns: TimeColumns) {
        // Ordered by time, and by arrival for equal times.
        let order = late.indices.sorted { (late[$0].time, $0) < (late[$1].time, $1) }
        var next = 0
        while next < order.count {
            let time = late[order[next]].time
            if sealed.isEmpty || time >= open.firstTime {
                _ = open.insert(time: time, value: late[order[next]].value, series: late[order[next]].series)
                if open.count > 2 * Self.openCapacity { seal(Self.openCapacity, columns) }
                next += 1
                continue
            }
            // All samples for one block are inserted at once: it is read and written as a whole.
            let index = max(0, sealed.firstSortedIndex { $0.firstTime > time } - 1)
            let end = index + 1 < sealed.count ? sealed[index + 1].firstTime : open.firstTime
            var block = sealed[index].decoded()
            var isChanged = false
            while next < order.count, late[order[next]].time < end, block.count < 2 * SealedBlock.capacity {
                let sample = late[order[next]]
                isChanged = block.insert(time: sample.time, value: sample.value, series: sample.series) || isChanged
                next += 1
            }
            guard isChanged else { continue }
            remove(index..<index + 1, columns)
            let middle = block.count < 2 * SealedBlock.capacity ? block.count : block.count / 2
            insert(block.part(0..<middle), at: index, columns)
            if middle < block.count { insert(block.part(middle..<block.count), at: index + 1, columns) }
        }
    }

    /// Frees the blocks that are completely before `time`; in the open block, sample by sample. Returns the number of
    /// samples.
    mutating func removeSamples(before time: Int64, columns: TimeColumns) -> Int {
        let old = 0..<sealed.firstSortedIndex { $0.lastTime >= time }
        let count = sealed[old].reduce(0) { $0 + $1.count }
        if !old.isEmpty { remove(old, columns) }
        guard sealed.isEmpty, !open.isEmpty, open.firstTime < time else { return count }
        let first = open.firstIndex(notBefore: time)
        open = first == open.count ? SampleBlock() : open.part(first..<open.count)
        return count + first
    }

    /// The present samples from `start` to `end`, both inclusive, and possibly some around them.
    func snapshot(uuid: String, from start: Int64, through end: Int64) -> SeriesSnapshot {
        let first = sealed.firstSortedIndex { $0.lastTime >= start }
        let behind = max(first, sealed.firstSortedIndex { $0.firstTime > end })
        let meansOpen = !open.isEmpty && open.lastTime >= start && open.firstTime <= end
        return SeriesSnapshot(
            metricName: metricName, uuid: uuid, sealed: sealed[first..<behind], open: meansOpen ? open : SampleBlock())
    }
}

/// The samples of one series, captured under the lock and read without it: immutable blocks, and a copy of the open
/// one.
struct SeriesSnapshot: Sendable {
    let metricName: String
    let uuid: String
    let sealed: ArraySlice<SealedBlock>
    let open: SampleBlock
}
