import TelemetryModels

/// Batches that are written to the store together, and the last message that they came from.
struct SampleGroup: Sendable {
    var batches: [MetricBatch] = []
    var sampleCount = 0
    /// The size of the messages.
    var byteCount = 0
    /// The position that can be committed when the group is stored. Messages without samples count too, so that they
    /// are not read again.
    var last: CollectorPosition?
}

/// Groups batches until there are enough samples or bytes for a write, or the first has waited long enough.
struct SampleGrouper: Sendable {
    private let size: Int
    private let bytes: Int
    private let interval: Duration
    private var group = SampleGroup()
    private var openedAt: Duration?

    init(size: Int, bytes: Int, interval: Duration) {
        self.size = size
        self.bytes = bytes
        self.interval = interval
    }

    var sampleCount: Int { group.sampleCount }

    /// - Parameters:
    ///   - batch: The batch; `nil` for a message without samples.
    ///   - bytes: The size of the message.
    ///   - position: The position of the message.
    mutating func add(_ batch: MetricBatch?, bytes: Int, position: CollectorPosition, now: Duration) {
        if openedAt == nil { openedAt = now }
        group.last = position
        guard let batch, !batch.isEmpty else { return }
        group.batches.append(batch)
        group.byteCount += bytes
        group.sampleCount += batch.count
    }

    /// The time when the group is due; `nil` if it is empty.
    var deadline: Duration? { openedAt.map { $0 + interval } }

    var isFull: Bool { group.sampleCount >= size || group.byteCount >= bytes }

    mutating func take() -> SampleGroup {
        defer {
            group = SampleGroup()
            openedAt = nil
        }
        return group
    }
}
