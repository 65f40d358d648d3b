import TelemetryBase
import TelemetryModels

/// The GPUs, and the location of the series of incoming batches. A value: a copy can be used without a lock.
struct MemoryDirectory: Sendable {
    /// The destination of a series' samples, and the one object that represents all equal series.
    struct Slot: Sendable {
        var gpu: GPUSeries
        var place: Int
        var variant: StoredVariant
    }

    /// Ordered by uuid.
    private(set) var gpus: [GPUSeries] = []
    private(set) var slots: [MetricSeries: Slot] = [:]

    /// The GPUs only: a reader that retained the slots would cause a copy of all of them for the next new series.
    var withoutSlots: MemoryDirectory {
        var copy = MemoryDirectory()
        copy.gpus = gpus
        return copy
    }

    func gpu(_ uuid: String) -> GPUSeries? {
        let index = gpus.firstSortedIndex { !$0.uuid.precedes(uuid) }
        return index < gpus.count && gpus[index].uuid.hasBytes(of: uuid) ? gpus[index] : nil
    }

    /// The GPUs that the filter names.
    func gpus(_ filter: SampleFilter) -> [GPUSeries] {
        switch filter.uuids.count {
        case 0: gpus
        case 1: gpu(filter.uuids[0]).map { [$0] } ?? []
        default: Set(filter.uuids.map(ByteText.init)).sorted().compactMap { gpu($0.string) }
        }
    }

    /// The memory used by the tables themselves.
    var tableBytes: Int {
        allocated(32 + gpus.capacity * 8)
            + dictionaryBytes(capacity: slots.capacity, entry: MemoryLayout<Slot>.stride + 8)
    }

    /// Returns the slot of the series, which is created if there is none. `bytes` is increased by the memory that its
    /// GPU uses for it.
    mutating func slot(of series: MetricSeries, bytes: inout Int, ledger: SeriesLedger) -> Slot {
        if let known = slots[series] { return known }
        let index = gpus.firstSortedIndex { !$0.uuid.precedes(series.gpu.uuid) }
        if index == gpus.count || !gpus[index].uuid.hasBytes(of: series.gpu.uuid) {
            gpus.insert(GPUSeries(uuid: series.gpu.uuid), at: index)
            bytes += gpus[index].byteCount
        }
        // Retired objects are replaced under the lock that guards this value, so there is none here.
        let place = gpus[index].place(of: series)!
        bytes += place.bytes
        let slot = Slot(gpu: gpus[index], place: place.place, variant: StoredVariant(series, ledger: ledger))
        slots[series] = slot
        return slot
    }

    /// Removes GPUs and series that have no samples any more; returns the bytes that are freed.
    mutating func removeEnded() -> Int {
        var freed = 0
        var hasRetired = false
        gpus = gpus.compactMap { gpu in
            guard let retired = gpu.retireIfEnded() else { return gpu }
            freed += retired.bytes
            hasRetired = true
            return retired.successor
        }
        // Slots of retired objects are invalid.
        if hasRetired { slots = [:] } else { removeUnusedSlots() }
        return freed
    }

    /// Labels that change with every workload leave slots whose series is not referenced by any sample.
    private mutating func removeUnusedSlots() {
        var unused: [MetricSeries] = []
        var index = slots.startIndex
        while index != slots.endIndex {
            if isKnownUniquelyReferenced(&slots.values[index].variant) { unused.append(slots[index].key) }
            slots.formIndex(after: &index)
        }
        for series in unused { slots[series] = nil }
        // A dictionary keeps its capacity.
        if slots.count < slots.capacity / 4 { slots = slots.filter { _ in true } }
    }
}

/// The samples of a batch by GPU and series, so that each GPU is locked once.
struct WritePlan {
    /// The samples of one series.
    struct Run {
        var gpu: GPUSeries
        var place: Int
        /// The series of all the samples; `nil` if the batch's table has several for the slot.
        var series: StoredVariant?
        fileprivate var end = 0
    }

    let batch: MetricBatch
    /// For each series of the batch's table.
    let slots: [MemoryDirectory.Slot]
    private(set) var runs: [Run] = []
    /// Indices of samples, run by run, in the batch's order.
    private var order: [Int32]

    /// Creates a plan for the samples of the batch with these indices.
    init(_ batch: MetricBatch, _ slots: [MemoryDirectory.Slot], samples: [Int32]) {
        self.batch = batch
        self.slots = slots
        order = samples
        let ranks = slots.map { $0.gpu.number << 32 | $0.place }
        var runOfEntry = [Int](repeating: 0, count: slots.count)
        var last = -1
        for entry in ranks.indices.sorted(by: { ranks[$0] < ranks[$1] }) {
            if ranks[entry] == last {
                runs[runs.count - 1].series = nil
            } else {
                runs.append(Run(gpu: slots[entry].gpu, place: slots[entry].place, series: slots[entry].variant))
                last = ranks[entry]
            }
            runOfEntry[entry] = runs.count - 1
        }
        var ends = [Int](repeating: 0, count: runs.count)
        for sample in samples { ends[runOfEntry[Int(batch.seriesIndices[Int(sample)])]] += 1 }
        var sum = 0
        for run in runs.indices {
            sum += ends[run]
            runs[run].end = sum
            ends[run] = sum - ends[run]
        }
        for sample in samples {
            let run = runOfEntry[Int(batch.seriesIndices[Int(sample)])]
            order[ends[run]] = sample
            ends[run] += 1
        }
    }

    /// The indices of the samples of a run, or of several consecutive runs.
    func samples(of runs: Range<Int>) -> some RandomAccessCollection<Int> {
        order[(runs.lowerBound == 0 ? 0 : self.runs[runs.lowerBound - 1].end)..<self.runs[runs.upperBound - 1].end].lazy
            .map(Int.init)
    }

    func samples(of run: Int) -> some RandomAccessCollection<Int> { samples(of: run..<run + 1) }

    /// Calls the body with the runs of each GPU.
    func forEachGPU(_ body: (GPUSeries, Range<Int>) -> Void) {
        var start = 0
        while start < runs.count {
            let end = runs[start...].firstIndex { $0.gpu !== runs[start].gpu } ?? runs.count
            body(runs[start].gpu, start..<end)
            start = end
        }
    }
}
