import Synchronization
import TelemetryModels

/// Samples in memory, by series, compressed.
///
/// Nothing is kept when the process ends: whoever feeds it reads the log again. Samples that leave by retention are the
/// oldest of all series; age counts back from the newest sample and not from the clock, so that an old export can be
/// replayed. A sample that comes too late for that is not taken.
///
/// Any number of tasks may read and write at once. Each GPU has a lock of its own, which a writer holds for one batch's samples of that
/// GPU; readers count up references to blocks under it, and read and assemble their answer outside. A batch is seen whole GPU by GPU.
public final class MemoryStore: TelemetryStore {
    /// What may be held. Every member has a default.
    public struct Configuration: Sendable {
        /// How much older than the newest sample a sample may be; `nil`: no limit. Default: `nil`.
        public var retentionPeriod: Duration?
        /// The number of bytes that samples, series and the tables of both may take; `nil`: no limit. DCGM's samples take one to four each,
        /// and a series one to three thousand. Samples of the newest time are kept even beyond it. Default: 1 GiB.
        public var maxBytes: Int?
        /// Receives events, on the thread of the write that causes them. Default: does nothing.
        public var onEvent: @Sendable (Event) -> Void = { _ in }

        /// Limits of age and memory.
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
    /// Samples older than this are not answered any more, and not taken.
    let floor = Atomic(Int64.min)
    /// Samples older than this have been freed.
    let sweptFloor = Atomic(Int64.min)
    let isSweeping = Atomic(false)
    /// Of all GPUs, without times and series.
    private let sampleBytes = Atomic(0)
    private let tableBytes = Atomic(0)
    private let ledger = SeriesLedger()
    private let evictedSamples = Atomic(0)
    private let evictedSeries = Atomic(0)
    private let lateSamples = Atomic(0)
    private let isEvicting = Atomic(false)
    private let onEvent: @Sendable (Event) -> Void
    /// Series that reads have looked at, for tests of what a request costs.
    let seriesVisits = Atomic(0)

    /// An empty store.
    public init(configuration: Configuration = Configuration()) {
        retention = configuration.retentionPeriod?.wholeNanoseconds
        maxBytes = configuration.maxBytes
        onEvent = configuration.onEvent
    }

    /// About how much memory the store takes.
    package var byteCount: Int {
        sampleBytes.load(ordering: .relaxed) + tableBytes.load(ordering: .relaxed) + columns.byteCount + ledger.byteCount
    }

    /// What is held now. Costs nothing that grows with it.
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

    /// `nil` if a series is new. In a function of its own, so that no copy of the table is left when that is changed: it would be
    /// copied whole for every batch that brings a new series.
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
        // One is enough; what the others bring meanwhile is looked at after their next batch.
        guard isSweeping.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged else { return }
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
        // A walk over all series for every batch would cost more than the samples that it frees.
        let swept = sweptFloor.load(ordering: .relaxed)
        return retention.map { UInt64(bitPattern: floor.load(ordering: .relaxed) &- swept) >= UInt64(max(1, $0 / 64)) } ?? false
    }

    /// The time up to which samples must go so that about so many bytes are freed.
    private func timeThatFrees(_ bytes: Int) -> Int64 {
        let ages = directory.withLock { $0.gpus }.flatMap(\.ages).sorted { $0.lastTime < $1.lastTime }
        // What times, series and tables take goes with the blocks, in the measure of their size.
        let blocks = ages.reduce(0) { $0 + $1.bytes }
        let share = Double(max(byteCount, blocks)) / Double(max(1, blocks))
        var freed = 0.0
        for age in ages {
            freed += Double(age.bytes) * share
            if freed >= Double(bytes) { return age.lastTime }
        }
        return .max - 1
    }

    /// Frees what is older than the floor.
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
