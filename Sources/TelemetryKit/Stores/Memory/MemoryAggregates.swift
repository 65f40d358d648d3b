import TelemetryBase
import TelemetryModels

extension MemoryStore {
    public func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries] {
        let filter = query.samples
        let reader = FilterReader(self, filter)
        let snapshots = try reader.snapshots()
        var aggregation = WindowAggregation(query, from: reader.oldest, through: reader.end)
        var blocks = 0
        for snapshot in snapshots {
            // A series may have thousands of blocks, or one.
            blocks += 1 + snapshot.sealed.count
            if blocks > 4 * CancellationCheck.interval {
                try Task.checkCancellation()
                await Task.yield()
                blocks = 0
            }
            aggregation.add(snapshot, filter)
        }
        return aggregation.result()
    }
}

/// The statistics of a window's values that an aggregate needs.
struct WindowSummary {
    private(set) var count = 0
    private(set) var sum = 0.0
    private(set) var minimum = Double.infinity
    private(set) var maximum = -Double.infinity
    /// Only for a percentile, which needs nothing else.
    private(set) var values: [Double] = []

    var isEmpty: Bool { count == 0 }

    mutating func add(_ slice: UnsafeBufferPointer<Double>, keeping: Bool) {
        count += slice.count
        if keeping { return values.append(contentsOf: slice) }
        for value in slice {
            sum += value
            minimum = min(minimum, value)
            maximum = max(maximum, value)
        }
    }

    mutating func add(_ block: SealedBlock) {
        count += block.count
        sum += block.sum
        minimum = min(minimum, block.minimum)
        maximum = max(maximum, block.maximum)
    }

    mutating func add(_ other: WindowSummary) {
        count += other.count
        sum += other.sum
        minimum = min(minimum, other.minimum)
        maximum = max(maximum, other.maximum)
        values += other.values
    }

    mutating func clear() {
        let kept = values
        self = WindowSummary()
        values = kept
        values.removeAll(keepingCapacity: true)
    }

    /// Requires at least one value. Changes the order of the values.
    mutating func value(_ function: AggregateQuery.Function) -> Double {
        switch function {
        case .avg: return sum / Double(count)
        case .min: return minimum
        case .max: return maximum
        case .sum: return sum
        case .count: return Double(count)
        case .p50, .p95, .p99:
            let rank = function.rank(of: count)
            // Near the upper end it is faster to keep the few largest values than to partition all.
            if count - rank < 16 { return values.withUnsafeBufferPointer { $0.fromLargest(count - rank) } }
            return values.withUnsafeMutableBufferPointer { $0.select(rank - 1) }
        }
    }
}

/// Processes series one after another, and computes a number for each window.
struct WindowAggregation {
    private let function: AggregateQuery.Function
    private let grouping: AggregateQuery.Grouping
    private let window: Int64
    private let start: Int64
    private let end: Int64
    private let keepsValues: Bool

    /// By GPU, which has only one series of a metric: each window is complete when the next begins.
    private var finished: [AggregateSeries] = []
    private var points: [AggregateSeries.Point] = []
    /// By host or cluster, of which several series contribute to a window.
    private var shared: [ByteText: [Int64: WindowSummary]] = [:]

    private var currentWindow = Int64.min
    private var current = WindowSummary()
    private var group = ""

    /// The buffer into which a block's values are read.
    private var values = [Double](repeating: 0, count: 2 * SealedBlock.capacity)
    /// The assignment of the last times to windows, by the index of their block in its series: series that are scraped
    /// together share them.
    private var knownRuns = [BlockRuns?](repeating: nil, count: 64)

    /// The samples of a block, window by window.
    private struct BlockRuns {
        var column: TimeColumn
        var firstTime: Int64
        /// The first one within the range.
        var first: Int
        /// A time of each run, and the index after its last sample.
        var runs: [(time: Int64, end: Int)]
    }

    init(_ query: AggregateQuery, from start: Int64, through end: Int64) {
        function = query.function
        grouping = query.grouping
        window = query.windowLength
        keepsValues = query.function.quantile != nil
        self.start = start
        self.end = end
    }

    /// GPUs ordered by uuid, all of one metric.
    mutating func add(_ snapshot: SeriesSnapshot, _ filter: SampleFilter) {
        let variants = snapshot.variants
        let included = variants.filter(filter.includes)
        let hosts = Set(included.map { ByteText($0.gpu.hostname) }).sorted().map(\.string)
        if included.count == variants.count, grouping != .host || hosts.count == 1 {
            group = Aggregator.group(variants[0].gpu, by: grouping)
            for (number, block) in snapshot.sealed.enumerated() { add(block, number: number) }
            add(snapshot.open)
            finishSeries()
        } else if grouping == .host {
            for host in hosts {
                group = host
                add(snapshot.samples { filter.includes($0) && $0.gpu.hostname.hasBytes(of: host) })
                finishSeries()
            }
        } else {
            group = Aggregator.group(variants[0].gpu, by: grouping)
            add(snapshot.samples(where: filter.includes))
            finishSeries()
        }
    }

    private mutating func add(_ block: SealedBlock, number: Int) {
        guard block.lastTime >= start, block.firstTime <= end else { return }
        if !keepsValues, block.firstTime >= start, block.lastTime <= min(end, windowEnd(block.firstTime)) {
            enter(block.firstTime)
            return current.add(block)
        }
        let place = number % knownRuns.count
        if knownRuns[place]?.column !== block.times || knownRuns[place]?.firstTime != block.firstTime {
            let (first, runs) = block.allTimes().withUnsafeBufferPointer(split)
            knownRuns[place] = BlockRuns(column: block.times, firstTime: block.firstTime, first: first, runs: runs)
        }
        values.withUnsafeMutableBufferPointer { block.readValues(into: $0.baseAddress!) }
        // Retained here while `self` is changed.
        let values = values
        values.withUnsafeBufferPointer { add($0, knownRuns[place]!.first, knownRuns[place]!.runs) }
    }

    private mutating func add(_ block: SampleBlock) {
        guard !block.isEmpty else { return }
        let (first, runs) = block.times.withUnsafeBufferPointer(split)
        block.values.withUnsafeBufferPointer { add($0, first, runs) }
    }

    private mutating func add(_ values: UnsafeBufferPointer<Double>, _ first: Int, _ runs: [(time: Int64, end: Int)]) {
        var next = first
        for run in runs {
            enter(run.time)
            current.add(UnsafeBufferPointer(rebasing: values[next..<run.end]), keeping: keepsValues)
            next = run.end
        }
    }

    /// The first of the times within the range, and for each window from there on one of its times and the index after
    /// the last.
    private func split(_ times: UnsafeBufferPointer<Int64>) -> (first: Int, runs: [(time: Int64, end: Int)]) {
        let first = times.firstSortedIndex { $0 >= start }
        var runs: [(time: Int64, end: Int)] = []
        var next = first
        while next < times.count, times[next] <= end {
            let time = times[next]
            let last = min(end, windowEnd(time))
            while next < times.count, times[next] <= last { next += 1 }
            runs.append((time, next))
        }
        return (first, runs)
    }

    /// The last time of the window that contains the time.
    private func windowEnd(_ time: Int64) -> Int64 {
        let rest = time % window
        let (end, over) = time.addingReportingOverflow(window - 1 - (rest < 0 ? rest + window : rest))
        return over ? .max : end
    }

    /// Times are ascending until the series is finished.
    private mutating func enter(_ time: Int64) {
        let start = Aggregator.windowStart(time, window)
        guard start != currentWindow || current.isEmpty else { return }
        finishWindow()
        currentWindow = start
    }

    private mutating func finishWindow() {
        guard !current.isEmpty else { return }
        if grouping == .gpu {
            points.append(
                AggregateSeries.Point(time: Timestamp(nanoseconds: currentWindow), value: current.value(function)))
        } else {
            shared[ByteText(group), default: [:]][currentWindow, default: WindowSummary()].add(current)
        }
        current.clear()
    }

    private mutating func finishSeries() {
        finishWindow()
        guard !points.isEmpty else { return }
        finished.append(AggregateSeries(group: group, points: points))
        points.removeAll(keepingCapacity: true)
    }

    func result() -> [AggregateSeries] {
        guard grouping != .gpu else { return finished }
        return shared.sorted { $0.key < $1.key }.map { group, windows in
            AggregateSeries(
                group: group.string,
                points: windows.sorted { $0.key < $1.key }.map { start, summary in
                    var summary = summary
                    return AggregateSeries.Point(time: Timestamp(nanoseconds: start), value: summary.value(function))
                })
        }
    }
}

extension UnsafeBufferPointer<Double> {
    /// The largest value after skipping the `above` largest, which must be fewer than all.
    func fromLargest(_ above: Int) -> Double {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: above + 1) { largest in
            var kept = 0
            for value in self where kept <= above || value > largest[0] {
                // In ascending order; the first one is dropped from a full list.
                var place = kept
                if kept <= above {
                    kept += 1
                    while place > 0, value < largest[place - 1] {
                        largest[place] = largest[place - 1]
                        place -= 1
                    }
                } else {
                    place = 0
                    while place < above, value > largest[place + 1] {
                        largest[place] = largest[place + 1]
                        place += 1
                    }
                }
                largest[place] = value
            }
            return largest[0]
        }
    }
}

extension UnsafeMutableBufferPointer<Double> {
    /// The element that would be at the index if the values were sorted (Hoare's selection). Reorders the values.
    func select(_ index: Int) -> Double {
        var low = 0
        var high = count - 1
        while high - low > 8 {
            // The median of three, so that sorted values do not take long.
            let middle = low + (high - low) / 2
            if self[middle] < self[low] { swapAt(middle, low) }
            if self[high] < self[low] { swapAt(high, low) }
            if self[high] < self[middle] { swapAt(high, middle) }
            let pivot = self[middle]
            var i = low
            var j = high
            while i <= j {
                while self[i] < pivot { i += 1 }
                while pivot < self[j] { j -= 1 }
                guard i <= j else { break }
                swapAt(i, j)
                i += 1
                j -= 1
            }
            if index <= j {
                high = j
            } else if index >= i {
                low = i
            } else {
                return self[index]
            }
        }
        for i in stride(from: low + 1, through: high, by: 1) {
            let value = self[i]
            var hole = i
            while hole > low, value < self[hole - 1] {
                self[hole] = self[hole - 1]
                hole -= 1
            }
            self[hole] = value
        }
        return self[index]
    }
}
