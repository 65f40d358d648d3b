/// What a ``MemoryStore`` holds. Belongs to the store's lock.
struct MemoryIndex {
    private struct SeriesKey: Hashable {
        var metricName: String
        var uuid: String
    }

    /// Where a series of a batch belongs, and the one object that stands for all equal to it.
    private struct Slot {
        var stored: StoredSeries
        var series: MetricSeries
    }

    private let retention: Int64?
    private let maximumBytes: Int?
    private var bySeries: [MetricSeries: Slot] = [:]
    private var byKey: [SeriesKey: StoredSeries] = [:]
    private(set) var byGPU: [String: [StoredSeries]] = [:]
    private var sampleCount = 0
    private(set) var newest = Int64.min
    /// Samples older than this are not answered any more, and not taken.
    private(set) var floor = Int64.min
    /// Samples older than this have been freed.
    private var sweptFloor = Int64.min

    init(retention: Int64?, maximumBytes: Int?) {
        self.retention = retention
        self.maximumBytes = maximumBytes
    }

    var series: some Collection<StoredSeries> { byKey.values }

    mutating func write(_ batch: MetricBatch) {
        let slots = batch.series.map { slot(of: $0) }
        let indices = batch.seriesIndices
        let times = batch.timestamps
        let values = batch.values
        var added = 0
        var newest = self.newest
        for i in 0..<indices.count {
            let time = times[i]
            let value = values[i]
            guard time >= floor, value.isFinite else { continue }
            let slot = slots[Int(indices[i])]
            if slot.stored.store(time: time, value: value, series: slot.series) { added += 1 }
            if time > newest { newest = time }
        }
        sampleCount += added
        self.newest = newest
        expire()
    }

    private mutating func slot(of series: MetricSeries) -> Slot {
        if let known = bySeries[series] { return known }
        let key = SeriesKey(metricName: series.metricName, uuid: series.gpu.uuid)
        let stored: StoredSeries
        if let known = byKey[key] {
            stored = known
        } else {
            stored = StoredSeries(metricName: key.metricName, uuid: key.uuid)
            byKey[key] = stored
            byGPU[key.uuid, default: []].append(stored)
        }
        let slot = Slot(stored: stored, series: series)
        bySeries[series] = slot
        return slot
    }
}

// MARK: - Retention

extension MemoryIndex {
    /// Roughly what a series costs beside its samples: its entries in the three tables, the identity and the labels.
    private static let bytesPerSeries = 1500

    var estimatedBytes: Int { sampleCount * 16 + byKey.count * Self.bytesPerSeries }

    private mutating func expire() {
        if let retention, newest > .min {
            let (oldestKept, under) = newest.subtractingReportingOverflow(retention)
            if !under, oldestKept > floor {
                floor = oldestKept
                // A walk over all series for every batch would cost more than the samples that it frees.
                if sweptFloor == .min || floor - sweptFloor >= max(1, retention / 64) { sweep() }
            }
        }
        if let maximumBytes, estimatedBytes > maximumBytes {
            let wanted = (Double(maximumBytes) * 15 / 16 - Double(byKey.count * Self.bytesPerSeries)) / 16
            floor = max(floor, timeThatKeeps(max(0, Int(wanted))))
            sweep()
        }
    }

    /// The oldest time from which on there are at most so many samples; those of the newest time are kept, however many.
    private func timeThatKeeps(_ wanted: Int) -> Int64 {
        var low = series.lazy.compactMap(\.firstTime).min() ?? newest
        var high = newest
        while low < high {
            let middle = low &+ Int64(bitPattern: UInt64(bitPattern: high &- low) / 2)
            let kept = series.reduce(0) { $0 + $1.count(from: middle) }
            if kept <= wanted { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Frees what is older than the floor.
    private mutating func sweep() {
        sweptFloor = floor
        sampleCount = 0
        var ended = false
        for stored in byKey.values {
            stored.removeSamples(before: floor)
            sampleCount += stored.count
            ended = ended || stored.isEmpty
        }
        if ended {
            byKey = byKey.filter { !$0.value.isEmpty }
            for (uuid, list) in byGPU {
                let held = list.filter { !$0.isEmpty }
                byGPU[uuid] = held.isEmpty ? nil : held
            }
        }
        // Labels that change with every workload leave entries behind which no sample refers to.
        if ended || bySeries.count > 4 * byKey.count + 1024 { bySeries.removeAll() }
    }
}
