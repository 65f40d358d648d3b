import Synchronization
import TelemetryBase
import TelemetryModels

/// All series of one GPU, with a lock of their own: reading one GPU does not block writing another, and a reader sees
/// either all samples of a batch for the GPU or none.
final class GPUSeries: Sendable {
    private struct State {
        /// A series keeps its index permanently; ended series are removed with the whole object.
        var series: [StoredSeries]
        /// The index of each metric's series, once there are more than a few.
        var places: [ByteText: Int] = [:]
        /// The memory used by the samples.
        var byteCount: Int
        var isRetired = false
        /// The successor of a retired object; `nil` if no series was left.
        var successor: GPUSeries?

        init(_ series: [StoredSeries], byteCount: Int) {
            self.series = series
            self.byteCount = byteCount
            if series.count > GPUSeries.unindexed { indexNames() }
        }

        func place(of metricName: ByteText) -> Int? {
            places.isEmpty ? series.firstIndex { $0.metricName.hasBytes(of: metricName.string) } : places[metricName]
        }

        mutating func append(_ new: StoredSeries) {
            series.append(new)
            if !places.isEmpty {
                places[ByteText(new.metricName)] = series.count - 1
            } else if series.count > GPUSeries.unindexed {
                indexNames()
            }
        }

        /// The memory used by the tables.
        var tableBytes: Int {
            allocated(96) + allocated(32 + series.capacity * MemoryLayout<StoredSeries>.stride)
                + dictionaryBytes(capacity: places.capacity, entry: 24)
        }

        private mutating func indexNames() {
            for (place, series) in series.enumerated() { places[ByteText(series.metricName)] = place }
        }

        /// The series with these names, or all if there are none.
        func named(_ names: Set<ByteText>) -> [StoredSeries] {
            if names.isEmpty { return series }
            if names.count < series.count { return names.compactMap { place(of: $0).map { series[$0] } } }
            return series.filter { names.contains(ByteText($0.metricName)) }
        }
    }

    /// The number of series up to which a linear search is used.
    private static let unindexed = 16

    let uuid: String
    /// Unique in the process.
    let number: Int
    private let state: Mutex<State>
    private static let numbers = Atomic(0)

    init(uuid: String, _ series: [StoredSeries] = []) {
        self.uuid = uuid
        number = Self.numbers.add(1, ordering: .relaxed).newValue
        // Without the excess capacity of a list that shrank.
        state = Mutex(State(series, byteCount: series.reduce(0) { $0 + $1.totalByteCount }))
    }
}

// MARK: - Writing

extension GPUSeries {
    struct Written {
        /// The number of additional bytes used.
        var bytes = 0
        var newest = Int64.min
        /// The number of samples that were too old.
        var late = 0
    }

    /// The memory used without the samples.
    var byteCount: Int { state.withLock { $0.tableBytes } }

    /// Returns the index of the metric's series, which is created if there is none, and the bytes that it uses; `nil`
    /// for a retired object.
    func place(of series: MetricSeries) -> (place: Int, bytes: Int)? {
        state.withLock { state in
            guard !state.isRetired else { return nil }
            if let known = state.place(of: ByteText(series.metricName)) { return (known, 0) }
            let before = state.tableBytes
            state.append(StoredSeries(series))
            return (state.series.count - 1, state.tableBytes - before)
        }
    }

    /// Stores the samples that the plan has for this GPU, except those before `floor`; `nil` for a retired object,
    /// which accepts none.
    func write(_ runs: Range<Int>, of plan: WritePlan, floor: Int64, columns: TimeColumns) -> Written? {
        state.withLock { state in
            guard !state.isRetired else { return nil }
            var written = Written()
            for run in runs {
                let place = plan.runs[run].place
                let before = state.series[place].totalByteCount
                let newest = state.series[place].write(plan, run, floor: floor, columns: columns, late: &written.late)
                written.newest = max(written.newest, newest)
                written.bytes += state.series[place].totalByteCount - before
            }
            state.byteCount += written.bytes
            return written
        }
    }
}

extension StoredSeries {
    /// Returns the newest time among the samples.
    fileprivate mutating func write(
        _ plan: WritePlan, _ run: Int, floor: Int64, columns: TimeColumns, late tooLate: inout Int
    ) -> Int64 {
        var newest = Int64.min
        var late: [LateSample] = []
        let only = plan.runs[run].series
        for i in plan.samples(of: run) {
            let time = plan.batch.timestamps[i]
            let value = plan.batch.values[i]
            guard time >= floor, value.isFinite else {
                if time < floor { tooLate += 1 }
                continue
            }
            newest = max(newest, time)
            let series = only ?? plan.slots[Int(plan.batch.seriesIndices[i])].variant
            if !append(time: time, value: value, series: series, columns: columns) {
                late.append(LateSample(time: time, value: value, series: series))
            }
        }
        if !late.isEmpty { insert(late, columns: columns) }
        return newest
    }
}

// MARK: - Reading

extension GPUSeries {
    /// A metric's newest sample, or if the filter excludes it, the series to search.
    enum Latest: Sendable {
        case sample(GPUMetric)
        case among(SeriesSnapshot)
    }

    private func read<Result: Sendable>(named names: Set<ByteText> = [], _ body: ([StoredSeries]) -> Result) -> Result {
        let (result, successor) = state.withLock { state in
            (state.isRetired ? nil : body(state.named(names)), state.successor)
        }
        return result ?? successor?.read(named: names, body) ?? body([])
    }

    /// The samples between the times, of the series with these names or of all if there are none; and the number of
    /// series examined. Holds the lock only while references are retained.
    func snapshots(_ names: Set<ByteText>, from start: Int64, through end: Int64) -> ([SeriesSnapshot], visited: Int) {
        read(named: names) { series in
            let snapshots = series.map { $0.snapshot(uuid: self.uuid, from: start, through: end) }.filter {
                !$0.isEmpty
            }
            return (snapshots, series.count)
        }
    }

    func latest(_ names: Set<ByteText>, _ filter: SampleFilter, from start: Int64, through end: Int64) -> (
        [Latest], visited: Int
    ) {
        read(named: names) { series in
            let latest = series.compactMap { stored -> Latest? in
                guard !stored.isEmpty, stored.open.lastTime >= start else { return nil }
                let newest = stored.open.metric(at: stored.open.count - 1)
                if newest.timestamp.nanoseconds <= end, filter.includes(newest.series) { return .sample(newest) }
                return .among(stored.snapshot(uuid: self.uuid, from: start, through: end))
            }
            return (latest, series.count)
        }
    }
}

// MARK: - Retention

extension GPUSeries {
    /// The memory that can be freed: this number of bytes, when all samples up to a time are removed. Bytes of times,
    /// which blocks share, are not included.
    struct Age: Sendable {
        var lastTime: Int64
        var bytes: Int
    }

    var ages: [Age] {
        read { series in
            series.flatMap { stored in
                // An open block is freed in quarters.
                let quarters = stride(from: stored.open.count, to: 0, by: -max(1, stored.open.count / 4))
                let bytes = stored.open.byteCount / max(1, min(4, stored.open.count))
                return stored.sealed.map { Age(lastTime: $0.lastTime, bytes: $0.byteCount) }
                    + quarters.map { Age(lastTime: stored.open.times[$0 - 1], bytes: bytes) }
            }
        }
    }

    /// The memory that was freed.
    struct Removed {
        var bytes = 0
        var samples = 0
        /// The number of series that have no samples left.
        var series = 0

        static func += (sum: inout Removed, other: Removed) {
            sum.bytes += other.bytes
            sum.samples += other.samples
            sum.series += other.series
        }
    }

    /// Frees the samples before the time.
    func removeSamples(before time: Int64, columns: TimeColumns) -> Removed {
        state.withLock { state in
            var removed = Removed()
            let before = state.byteCount
            for place in state.series.indices where !state.series[place].isEmpty {
                removed.samples += state.series[place].removeSamples(before: time, columns: columns)
                if state.series[place].isEmpty { removed.series += 1 }
            }
            state.byteCount = state.series.reduce(0) { $0 + $1.totalByteCount }
            removed.bytes = before - state.byteCount
            return removed
        }
    }

    var seriesCount: Int { read(\.count) }

    /// If most series have ended: retires, and returns the successor, if any, and the bytes that are freed.
    func retireIfEnded() -> (successor: GPUSeries?, bytes: Int)? {
        state.withLock { state in
            let live = state.series.filter { !$0.isEmpty }
            guard live.count <= state.series.count / 2 else { return nil }
            state.successor = live.isEmpty ? nil : GPUSeries(uuid: uuid, live)
            // Series without samples use no memory for them.
            let bytes = state.tableBytes - (state.successor?.byteCount ?? 0)
            state.isRetired = true
            state.series = []
            state.places = [:]
            return (state.successor, bytes)
        }
    }
}
