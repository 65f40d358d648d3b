import Synchronization

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
        /// How much older than the newest sample a sample may be; `nil`: no limit.
        public var retentionPeriod: Duration?
        /// About how many bytes samples and series may take; `nil`: no limit. DCGM's samples take one to four each, and a series some
        /// thousands. Samples of the newest time are kept even beyond it.
        public var maximumBytes: Int?

        /// Limits of age and memory.
        public init(retentionPeriod: Duration? = nil, maximumBytes: Int? = 1 << 30) {
            self.retentionPeriod = retentionPeriod
            self.maximumBytes = maximumBytes
        }
    }

    let retention: Int64?
    let maximumBytes: Int?
    let directory = Mutex(MemoryDirectory())
    let columns = TimeColumns()
    let newest = Atomic(Int64.min)
    /// Samples older than this are not answered any more, and not taken.
    let floor = Atomic(Int64.min)
    /// Samples older than this have been freed.
    let sweptFloor = Atomic(Int64.min)
    let isSweeping = Atomic(false)
    /// Of all GPUs.
    let seriesBytes = Atomic(0)

    /// Series that reads have looked at, for tests of what a request costs.
    let seriesVisits = Atomic(0)

    /// An empty store.
    public init(configuration: Configuration = Configuration()) {
        retention = configuration.retentionPeriod?.wholeNanoseconds
        maximumBytes = configuration.maximumBytes
    }

    /// About how much memory samples and series take.
    package var byteCount: Int { seriesBytes.load(ordering: .relaxed) + columns.byteCount }

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
                    seriesBytes.add(written.bytes, ordering: .relaxed)
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
            var bytes = 0
            let slots = table.map { directory.slot(of: $0, bytes: &bytes) }
            seriesBytes.add(bytes, ordering: .relaxed)
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
        sweep()
        if let maximumBytes {
            while byteCount > maximumBytes, floor.load(ordering: .acquiring) < newest.load(ordering: .acquiring) {
                let (time, _) = timeThatFrees(byteCount - maximumBytes / 16 * 15).addingReportingOverflow(1)
                floor.max(min(time, newest.load(ordering: .acquiring)), ordering: .acquiringAndReleasing)
                sweep()
            }
        }
        isSweeping.store(false, ordering: .releasing)
    }

    private var isExpiryDue: Bool {
        if let maximumBytes, byteCount > maximumBytes { return true }
        // A walk over all series for every batch would cost more than the samples that it frees.
        let swept = sweptFloor.load(ordering: .relaxed)
        return retention.map { UInt64(bitPattern: floor.load(ordering: .relaxed) &- swept) >= UInt64(max(1, $0 / 64)) } ?? false
    }

    /// The time up to which samples must go so that about so many bytes are freed.
    private func timeThatFrees(_ bytes: Int) -> Int64 {
        let ages = directory.withLock { $0.gpus }.flatMap(\.ages).sorted { $0.lastTime < $1.lastTime }
        // What the shared times take goes with the blocks, in the measure of their size.
        let share = 1 + Double(columns.byteCount) / Double(max(1, ages.reduce(0) { $0 + $1.bytes }))
        var freed = 0.0
        for age in ages {
            freed += Double(age.bytes) * share
            if freed >= Double(bytes) { return age.lastTime }
        }
        return .max - 1
    }

    /// Frees what is older than the floor.
    private func sweep() {
        let floor = floor.load(ordering: .acquiring)
        sweptFloor.store(floor, ordering: .relaxed)
        for gpu in directory.withLock({ $0.gpus }) {
            seriesBytes.subtract(gpu.removeSamples(before: floor, columns: columns), ordering: .relaxed)
        }
        seriesBytes.subtract(directory.withLock { $0.removeEnded() }, ordering: .relaxed)
    }
}
