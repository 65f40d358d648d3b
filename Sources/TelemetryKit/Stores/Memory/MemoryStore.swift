import Synchronization
import TelemetryModels

/// Stores samples in memory, by series, compressed.
///
/// The samples are lost when the process ends: the program that fills the store reads the log again. Retention removes
/// the oldest samples of all series; age is measured from the newest sample and not from the clock, so that an old
/// export can be replayed. A sample that is older than that is not stored.
///
/// Any number of tasks may read and write at once. Each GPU has a lock of its own, which a writer holds for one batch's
/// samples of that GPU; readers retain blocks while holding it, and read them and assemble their result without it. A
/// reader sees all samples of a batch for a GPU or none.
public final class MemoryStore: TelemetryStore {
    /// The limits of a store.
    public struct Configuration: Sendable {
        /// The maximum age of a sample relative to the newest sample; `nil` for no limit. Default: `nil`.
        public var retentionPeriod: Duration?
        /// The maximum number of bytes used by samples, series and the tables of both; `nil` for no limit. DCGM's
        /// samples use one to four bytes each, and a series one to three thousand. Samples of the newest time are kept
        /// even beyond it. Default: 1 GiB.
        public var maxBytes: Int?
        /// Receives events, on the thread of the write that causes them. Default: does nothing.
        public var onEvent: @Sendable (Event) -> Void = { _ in }

        /// Creates limits of age and memory.
        public init(retentionPeriod: Duration? = nil, maxBytes: Int? = 1 << 30) {
            self.retentionPeriod = retentionPeriod
            self.maxBytes = maxBytes
        }
    }

    let retention: Int64?
    let maxBytes: Int?
    let directory = Mutex(MemoryDirectory())
    let columns = TimeColumns()
    let newest = Atomic(Int64.min)
    /// Samples older than this are no longer returned or accepted.
    let floor = Atomic(Int64.min)
    /// Samples older than this have been freed.
    let sweptFloor = Atomic(Int64.min)
    let isSweeping = Atomic(false)
    /// The bytes used by all GPUs, without times and series.
    private let sampleBytes = Atomic(0)
    private let tableBytes = Atomic(0)
    private let ledger = SeriesLedger()
    private let evictedSamples = Atomic(0)
    private let evictedSeries = Atomic(0)
    private let lateSamples = Atomic(0)
    private let isEvicting = Atomic(false)
    private let onEvent: @Sendable (Event) -> Void
    /// The number of series that reads have examined, for tests of the cost of a request.
    let seriesVisits = Atomic(0)

    /// Creates an empty store.
    public init(configuration: Configuration = Configuration()) {
        retention = configuration.retentionPeriod?.wholeNanoseconds
        maxBytes = configuration.maxBytes
        onEvent = configuration.onEvent
    }

    /// The approximate memory used by the store.
    package var byteCount: Int {
        sampleBytes.load(ordering: .relaxed) + tableBytes.load(ordering: .relaxed) + columns.byteCount
            + ledger.byteCount
    }

    /// The present memory usage. The cost does not depend on the size of the store.
    public var usage: MemoryUsage {
        var usage = MemoryUsage()
        usage.sampleBytes = sampleBytes.load(ordering: .relaxed)
        usage.timeBytes = columns.byteCount
        usage.seriesBytes = ledger.byteCount
        usage.tableBytes = tableBytes.load(ordering: .relaxed)
        usage.limit = maxBytes
        usage.evictedSamples = evictedSamples.load(ordering: .relaxed)
        usage.evictedSeries = evictedSeries.load(ordering: .relaxed)
        usage.lateSamples = lateSamples.load(ordering: .relaxed)
        usage.isEvicting = isEvicting.load(ordering: .relaxed)
        let floor = floor.load(ordering: .acquiring)
        usage.oldestKept = floor == .min ? nil : Timestamp(nanoseconds: floor)
        return usage
    }

    public func write(_ batches: [MetricBatch]) async throws {
        for batch in batches where !batch.isEmpty {
            write(batch)
            expire()
        }
    }

    private func write(_ batch: MetricBatch) {
        let floor = floor.load(ordering: .acquiring)
        var pending = Array(0..<Int32(batch.count))
        while !pending.isEmpty {
            let plan = WritePlan(batch, slots(of: batch.series), samples: pending)
            pending = []
            plan.forEachGPU { gpu, runs in
                if let written = gpu.write(runs, of: plan, floor: floor, columns: columns) {
                    sampleBytes.add(written.bytes, ordering: .relaxed)
                    if written.late > 0 { lateSamples.add(written.late, ordering: .relaxed) }
                    newest.max(written.newest, ordering: .acquiringAndReleasing)
                } else {
                    // It has retired since it was looked up.
                    pending += plan.samples(of: runs).map(Int32.init)
                }
            }
        }
    }

    private func slots(of table: [MetricSeries]) -> [MemoryDirectory.Slot] {
        if let slots = knownSlots(of: table) { return slots }
        return directory.withLock { directory in
            var bytes = -directory.tableBytes
            let slots = table.map { directory.slot(of: $0, bytes: &bytes, ledger: ledger) }
            tableBytes.add(bytes + directory.tableBytes, ordering: .relaxed)
            return slots
        }
    }

    /// `nil` if a series is new. A separate function, so that no copy of the table remains when it is changed:
    /// otherwise it would be copied completely for every batch with a new series.
    @inline(never)
    private func knownSlots(of table: [MetricSeries]) -> [MemoryDirectory.Slot]? {
        let known = directory.withLock { $0.slots }
        var slots: [MemoryDirectory.Slot] = []
        slots.reserveCapacity(table.count)
        for series in table {
            guard let slot = known[series] else { return nil }
            slots.append(slot)
        }
        return slots
    }

    public func checkHealth() async throws {}

    public func close() async {}
}

// MARK: - Retention

extension MemoryStore {
    private func expire() {
        if let retention {
            let (oldestKept, under) = newest.load(ordering: .acquiring).subtractingReportingOverflow(retention)
            if !under { floor.max(oldestKept, ordering: .acquiringAndReleasing) }
        }
        guard isExpiryDue else { return }
        // One writer is sufficient; data written meanwhile by the others are considered after their next batch.
        guard isSweeping.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else { return }
        defer { isSweeping.store(false, ordering: .releasing) }
        sweep()
        guard let maxBytes else { return }
        while byteCount > maxBytes, floor.load(ordering: .acquiring) < newest.load(ordering: .acquiring) {
            let (time, _) = timeThatFrees(byteCount - maxBytes / 16 * 15).addingReportingOverflow(1)
            floor.max(min(time, newest.load(ordering: .acquiring)), ordering: .acquiringAndReleasing)
            let removed = sweep()
            evictedSamples.add(removed.samples, ordering: .relaxed)
            evictedSeries.add(removed.series, ordering: .relaxed)
            guard removed.samples > 0, !isEvicting.exchange(true, ordering: .relaxed) else { continue }
            onEvent(.evictionStarted(usage))
        }
        if byteCount < maxBytes / 2, isEvicting.exchange(false, ordering: .relaxed) { onEvent(.evictionEnded(usage)) }
    }

    private var isExpiryDue: Bool {
        if let maxBytes {
            let byteCount = byteCount
            if byteCount > maxBytes || (byteCount < maxBytes / 2 && isEvicting.load(ordering: .relaxed)) { return true }
        }
        // Visiting all series for every batch would cost more than the samples that it frees.
        let swept = sweptFloor.load(ordering: .relaxed)
        return retention.map { UInt64(bitPattern: floor.load(ordering: .relaxed) &- swept) >= UInt64(max(1, $0 / 64)) }
            ?? false
    }

    /// The time up to which samples must be removed to free about this number of bytes.
    private func timeThatFrees(_ bytes: Int) -> Int64 {
        let ages = directory.withLock { $0.gpus }.flatMap(\.ages).sorted { $0.lastTime < $1.lastTime }
        // The memory of times, series and tables is freed with the blocks, in proportion to their size.
        let blocks = ages.reduce(0) { $0 + $1.bytes }
        let share = Double(max(byteCount, blocks)) / Double(max(1, blocks))
        var freed = 0.0
        for age in ages {
            freed += Double(age.bytes) * share
            if freed >= Double(bytes) { return age.lastTime }
        }
        return .max - 1
    }

    /// Frees the samples older than the floor.
    @discardableResult
    private func sweep() -> GPUSeries.Removed {
        let floor = floor.load(ordering: .acquiring)
        sweptFloor.store(floor, ordering: .relaxed)
        var removed = GPUSeries.Removed()
        for gpu in directory.withLock({ $0.gpus }) { removed += gpu.removeSamples(before: floor, columns: columns) }
        sampleBytes.subtract(removed.bytes, ordering: .relaxed)
        let freed = directory.withLock { directory in
            let before = directory.tableBytes
            return directory.removeEnded() + before - directory.tableBytes
        }
        tableBytes.subtract(freed, ordering: .relaxed)
        return removed
    }
}
