import TelemetryBase
import TelemetryModels

/// Several series read as one, ordered by time, then metric name, then uuid.
struct SeriesMerge {
    /// Ordered by metric name, then uuid.
    private var series: [SeriesReader]
    let total: Int

    /// The readers must be ordered by metric name, then uuid, and have samples.
    init(_ readers: [SeriesReader]) {
        series = readers
        total = series.reduce(0) { $0 + $1.count }
    }

    mutating func page(limit: Int, offset: Int, after cursor: SampleCursor?) throws -> [GPUMetric] {
        var positions = [Int](repeating: 0, count: series.count)
        var check = CancellationCheck()
        if let cursor {
            for i in series.indices {
                try check.step()
                positions[i] = count(through: cursor, in: i)
            }
        }
        let first = min(max(0, offset), total) + positions.reduce(0, +)
        let wanted = min(max(0, limit), total - min(first, total))
        guard wanted > 0 else { return [] }
        var skip = 0
        if series.count == 1 {
            positions[0] = first
        } else if offset > 0 {
            (positions, skip) = try self.positions(around: first)
        }
        var items: [GPUMetric] = []
        items.reserveCapacity(wanted)
        var next = MinimumHeap(series.indices.compactMap { entry($0, positions[$0]) })
        while items.count < wanted {
            try check.step()
            let i = next.minimum.rank
            if skip > 0 { skip -= 1 } else { items.append(series[i].metric(at: positions[i])) }
            positions[i] += 1
            next.replaceMinimum(entry(i, positions[i]))
        }
        return items
    }

    private mutating func entry(_ series: Int, _ position: Int) -> MinimumHeap.Entry? {
        position < self.series[series].count
            ? MinimumHeap.Entry(time: self.series[series].time(at: position), rank: series) : nil
    }

    /// The number of samples of the series at or before the cursor.
    private mutating func count(through cursor: SampleCursor, in index: Int) -> Int {
        let time = cursor.timestamp.nanoseconds
        let before = series[index].count(before: time)
        let isPassed =
            (ByteText(series[index].metricName), ByteText(series[index].uuid)) <= (
                ByteText(cursor.metricName), ByteText(cursor.uuid)
            )
        let stands = isPassed && before < series[index].count && series[index].time(at: before) == time
        return before + (stands ? 1 : 0)
    }

    /// The position of each series before the last time that begins at or before `position`, and the number of samples
    /// left to skip: found by bisection, so that a distant page costs as little as the first.
    private mutating func positions(around position: Int) throws -> (positions: [Int], skip: Int) {
        var low = Int64.max
        var high = Int64.min
        for i in series.indices {
            low = min(low, series[i].time(at: 0))
            high = max(high, series[i].time(at: series[i].count - 1))
        }
        while low < high {
            let middle = high &- Int64(bitPattern: UInt64(bitPattern: high &- low) / 2)
            if try counts(before: middle).reduce(0, +) <= position { low = middle } else { high = middle &- 1 }
        }
        let positions = try counts(before: low)
        return (positions, position - positions.reduce(0, +))
    }

    private mutating func counts(before time: Int64) throws -> [Int] {
        var counts: [Int] = []
        counts.reserveCapacity(series.count)
        var check = CancellationCheck()
        for i in series.indices {
            try check.step()
            counts.append(series[i].count(before: time))
        }
        return counts
    }
}

/// The series with the oldest next sample; of several, the first in their order.
struct MinimumHeap {
    struct Entry {
        var time: Int64
        var rank: Int

        static func < (a: Entry, b: Entry) -> Bool { a.time < b.time || (a.time == b.time && a.rank < b.rank) }
    }

    private var entries: [Entry]

    init(_ entries: [Entry]) {
        self.entries = entries
        for index in stride(from: entries.count / 2 - 1, through: 0, by: -1) { sink(index) }
    }

    /// There must be one.
    var minimum: Entry { entries[0] }

    mutating func replaceMinimum(_ entry: Entry?) {
        if let entry {
            entries[0] = entry
        } else {
            entries.swapAt(0, entries.count - 1)
            entries.removeLast()
        }
        sink(0)
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while 2 * parent + 1 < entries.count {
            var child = 2 * parent + 1
            if child + 1 < entries.count, entries[child + 1] < entries[child] { child += 1 }
            guard entries[child] < entries[parent] else { return }
            entries.swapAt(parent, child)
            parent = child
        }
    }
}
