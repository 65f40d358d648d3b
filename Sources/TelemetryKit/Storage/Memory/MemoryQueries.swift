/// The questions that the index answers under the lock. Samples below the floor are not counted, whether freed or not.
extension MemoryIndex {
    func gpus(_ filter: SampleFilter = SampleFilter()) -> [GPUInfo] {
        if filter == SampleFilter() { return byGPU.values.compactMap(info) }
        let found = snapshots(filter).filter { $0.filtered(by: filter).count > 0 }
        return Set(found.map(\.uuid)).compactMap { byGPU[$0].flatMap(info) }
    }

    private func info(_ list: [StoredSeries]) -> GPUInfo? {
        var newest: StoredSeries?
        var first = Int64.max
        var last = Int64.min
        for stored in list {
            guard let start = stored.firstTime(from: floor), let end = stored.lastTime else { continue }
            first = min(first, start)
            // Of several metrics at one time the first by name speaks, so that the answer depends on no table's order.
            if let known = newest, end < last || (end == last && stored.metricName > known.metricName) { continue }
            newest = stored
            last = end
        }
        guard let series = newest?.newest else { return nil }
        return GPUInfo(
            identity: series.gpu, firstSeen: Timestamp(nanoseconds: first), lastSeen: Timestamp(nanoseconds: last))
    }

    func metrics(uuid: String?) -> [MetricSummary] {
        var summaries: [String: MetricSummary] = [:]
        func add(_ stored: StoredSeries) {
            let count = stored.count(from: floor)
            guard count > 0 else { return }
            let name = stored.metricName
            summaries[name, default: MetricSummary(name: name, sampleCount: 0, gpuCount: 0)].sampleCount += count
            summaries[name]!.gpuCount += 1
        }
        if let uuid {
            byGPU[uuid]?.forEach(add)
        } else {
            series.forEach(add)
        }
        return Array(summaries.values)
    }

    /// Of the series that the filter names, what lies in its range of time. Hosts and models are to be looked at by the caller.
    func snapshots(_ filter: SampleFilter) -> [SeriesSnapshot] {
        let start = max(filter.startTime?.nanoseconds ?? .min, floor)
        let end = filter.endTime?.nanoseconds ?? .max
        guard start <= end else { return [] }
        let list = filter.uuids.isEmpty ? Array(series) : Set(filter.uuids).flatMap { byGPU[$0] ?? [] }
        return list.lazy.filter { filter.metricNames.isEmpty || filter.metricNames.contains($0.metricName) }
            .map { $0.snapshot(from: start, through: end) }
    }

    func statistics() -> StoreStatistics {
        var samples = 0
        var oldest = Int64.max
        var names: Set<String> = []
        for stored in series {
            guard let first = stored.firstTime(from: floor) else { continue }
            samples += stored.count(from: floor)
            oldest = min(oldest, first)
            names.insert(stored.metricName)
        }
        let gpus = gpus()
        return StoreStatistics(
            sampleCount: samples, gpuCount: gpus.count, metricCount: names.count,
            hostCount: Set(gpus.map(\.identity.hostname)).count,
            oldest: samples == 0 ? nil : Timestamp(nanoseconds: oldest),
            newest: samples == 0 ? nil : Timestamp(nanoseconds: newest))
    }
}

/// Several series read as one, in the order of time, then metric name, then uuid.
struct SeriesMerge {
    private let series: [SeriesSnapshot]
    let total: Int

    init(_ snapshots: [SeriesSnapshot]) {
        series = snapshots.filter { $0.count > 0 }.sorted { ($0.metricName, $0.uuid) < ($1.metricName, $1.uuid) }
        total = series.reduce(0) { $0 + $1.count }
    }

    func page(limit: Int, offset: Int, after cursor: SampleCursor? = nil) -> Page<GPUMetric> {
        let passed = cursor.map(count(through:)) ?? 0
        let first = min(max(0, offset), total) + passed
        let wanted = min(max(0, limit), total - min(first, total))
        guard wanted > 0 else { return Page(items: [], total: total) }
        if series.count == 1 {
            return Page(items: (first..<first + wanted).map { series[0].metric(at: $0) }, total: total)
        }
        var items: [GPUMetric] = []
        items.reserveCapacity(wanted)
        var (cursors, skip) = cursors(around: first)
        while items.count < wanted {
            var best = -1
            var bestTime = Int64.max
            for i in 0..<series.count where cursors[i] < series[i].count {
                let time = series[i].time(at: cursors[i])
                if best < 0 || time < bestTime {
                    best = i
                    bestTime = time
                }
            }
            if skip > 0 { skip -= 1 } else { items.append(series[best].metric(at: cursors[best])) }
            cursors[best] += 1
        }
        return Page(items: items, total: total)
    }

    /// How many samples stand at the cursor or before it.
    private func count(through cursor: SampleCursor) -> Int {
        let time = cursor.timestamp.nanoseconds
        return series.reduce(0) { sum, snapshot in
            let before = snapshot.count(before: time)
            let isPassed = (snapshot.metricName, snapshot.uuid) <= (cursor.metricName, cursor.uuid)
            let stands = isPassed && before < snapshot.count && snapshot.time(at: before) == time
            return sum + before + (stands ? 1 : 0)
        }
    }

    /// Where each series stands before the last time that begins at or before `position`, and how many are left to skip:
    /// found by bisection, so that a page far behind costs as little as the first.
    private func cursors(around position: Int) -> (cursors: [Int], skip: Int) {
        var low = series.compactMap { $0.timeRange?.lowerBound }.min()!
        var high = series.compactMap { $0.timeRange?.upperBound }.max()!
        while low < high {
            let middle = high &- Int64(bitPattern: UInt64(bitPattern: high &- low) / 2)
            let before = series.reduce(0) { $0 + $1.count(before: middle) }
            if before <= position { low = middle } else { high = middle &- 1 }
        }
        let cursors = series.map { $0.count(before: low) }
        return (cursors, position - cursors.reduce(0, +))
    }
}
