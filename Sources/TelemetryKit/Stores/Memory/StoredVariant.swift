import Synchronization
import TelemetryModels

/// A series in a store: one object for all equal ones, whose bytes are counted from its creation until nothing in the
/// store refers to it any more.
///
/// Samples of one metric of one GPU usually have one; a workload that starts and ends adds further ones.
final class StoredVariant: Sendable {
    let series: MetricSeries
    private let bytes: Int
    /// The identifier of the texts that this object represents: others of the store share them.
    private let owned: UInt64
    private let ledger: SeriesLedger?

    /// - Parameter ledger: Counts its memory; `nil` for none.
    init(_ series: MetricSeries, ledger: SeriesLedger? = nil) {
        self.series = series
        self.ledger = ledger
        (bytes, owned) = ledger?.add(series) ?? (0, 0)
    }

    deinit { ledger?.remove(series, bytes, owned) }
}

/// Counts the memory of a store's series: objects, lists of labels and texts.
///
/// Series share texts: those of one GPU its identity, those from one batch the constant values of their labels, often
/// the whole list. A text is counted with the first series that has it. A small table of recent texts is used to detect
/// whether one was seen before, because a complete one would need as much memory as the texts. A text that has left the
/// table is counted again, so the sum errs on the high side. Safe to use from any thread.
final class SeriesLedger: Sendable {
    private struct State {
        /// For shared memory, a hash of address and content, each at the slot given by its lower bits.
        var met: [UInt64] = []
    }

    private static let slots = 4096
    /// Texts beyond this are treated as not shared.
    private static let trackedParts = 64

    private let state = Mutex(State())
    private let bytes = Atomic(0)

    var byteCount: Int { bytes.load(ordering: .relaxed) }

    func add(_ series: MetricSeries) -> (bytes: Int, owned: UInt64) {
        state.withLock { state in
            if state.met.isEmpty { state.met = [UInt64](repeating: 0, count: Self.slots) }
            var sum = allocated(16 + MetricSeries.storedBytes) + allocated(16 + 4 * 8)
            var owned: UInt64 = 0
            Self.forEachPart(of: series) { number, size, hash in
                guard number < Self.trackedParts else {
                    sum += size
                    return true
                }
                let slot = Int(truncatingIfNeeded: hash) & (Self.slots - 1)
                if state.met[slot] == hash { return false }
                state.met[slot] = hash
                owned |= 1 << UInt64(number)
                sum += size
                return true
            }
            bytes.add(sum, ordering: .relaxed)
            return (sum, owned)
        }
    }

    /// Others may still share its texts: the next new one of these counts them again.
    func remove(_ series: MetricSeries, _ bytes: Int, _ owned: UInt64) {
        self.bytes.subtract(bytes, ordering: .relaxed)
        state.withLock { state in
            Self.forEachPart(of: series) { number, _, hash in
                guard number < Self.trackedParts else { return true }
                guard owned & 1 << UInt64(number) != 0 else { return false }
                let slot = Int(truncatingIfNeeded: hash) & (Self.slots - 1)
                if state.met[slot] == hash { state.met[slot] = 0 }
                return true
            }
        }
    }

    /// Calls the body with each piece of memory that other series may share: its number, its size and a hash that is
    /// unlikely to collide. If the body returns `false` for the list of labels, their texts are shared too, and
    /// skipped.
    private static func forEachPart(of series: MetricSeries, _ body: (Int, Int, UInt64) -> Bool) {
        var number = 0
        func text(_ text: String) {
            defer { number += 1 }
            // Shorter texts are stored within the string itself.
            guard text.utf8.count > 15 else { return }
            let found = text.utf8.withContiguousStorageIfAvailable { utf8 -> (Int, UInt64) in
                let bytes = UnsafeRawBufferPointer(utf8)
                return (
                    allocated(32 + utf8.count + 1),
                    StableHash.hash(bytes, seed: UInt64(UInt(bitPattern: bytes.baseAddress)))
                )
            }
            if let (size, hash) = found { _ = body(number, size, hash) }
        }
        text(series.metricName)
        for member in GPUMember.all { text(member.text(of: series.gpu)) }
        guard !series.labels.isEmpty else { return }
        let isOwn = series.labels.withUnsafeBufferPointer { labels in
            var hash = UInt64(UInt(bitPattern: labels.baseAddress))
            for label in labels { hash = StableHash.hash(label.value, seed: StableHash.hash(label.name, seed: hash)) }
            return body(number, allocated(32 + labels.count * MemoryLayout<MetricLabel>.stride), hash)
        }
        number += 1
        guard isOwn else { return }
        for label in series.labels {
            text(label.name)
            text(label.value)
        }
    }
}

extension MetricSeries {
    /// What the object has in itself: its texts, the list of labels and two hashes.
    fileprivate static let storedBytes = 16 + MemoryLayout<GPUIdentity>.size + 8 + 8 + 8
}

/// The memory of a dictionary whose entries have this size: the number of buckets is a power of two, and at most three
/// quarters are used.
func dictionaryBytes(capacity: Int, entry: Int) -> Int {
    guard capacity > 0 else { return 0 }
    var buckets = 2
    while buckets * 3 / 4 < capacity { buckets *= 2 }
    return allocated(64 + buckets * entry + buckets / 8)
}
