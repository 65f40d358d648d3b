import Glibc
import TelemetryNet

/// The append-only log: segments in the order of their offsets, the last one open for appending.
///
/// Belongs to one thread; only the syncing of files may happen on another.
package final class MessageLog {
    package struct Configuration: Sendable {
        /// A segment is sealed when the next write would make it larger.
        package var segmentBytes: Int64 = 256 << 20
        /// Whole segments are dropped, oldest first, while the rest holds at least so many bytes.
        package var retentionBytes: Int64?
        /// Segments whose newest message is older are dropped.
        package var retentionAge: Duration?

        package init() {}
    }

    /// What opening the log found.
    package struct Recovery: Sendable {
        package var segmentCount = 0
        package var messageCount: Int64 = 0
        package var byteCount: Int64 = 0
        /// Said of a tail that was cut: file, position, bytes, reason.
        package var cutTail: String?
        /// Said of each segment behind the cut, which was put aside under another name.
        package var setAside: [String] = []
    }

    package let directory: any LogDirectory
    private let configuration: Configuration
    /// Never empty.
    package private(set) var segments: [Segment] = []
    package private(set) var producers = ProducerTable()
    package private(set) var recovery = Recovery()
    /// Set by the first failed write or sync; from then on the log is only read.
    package private(set) var failure: LogError?
    /// Written to, and not synced since.
    private var unsynced: [any LogFile] = []
    private var namesUnsynced = false
    /// Sealed, and without an index yet: that is written once they are on the device.
    private var unsealed: [Segment] = []
    /// The producer table when the last segment was sealed, to be written with its index.
    private var producerSnapshot: [UInt8]?

    package init(directory: any LogDirectory, configuration: Configuration = Configuration()) throws(LogError) {
        self.directory = directory
        self.configuration = configuration
        try recover()
    }

    package var active: Segment { segments[segments.count - 1] }
    package var oldestOffset: Int64 { segments[0].baseOffset }
    /// The offset that the next message gets.
    package var nextOffset: Int64 { active.nextOffset }
    package var byteCount: Int64 { segments.reduce(0) { $0 + $1.byteCount } }
    package var lastTimestamp: Int64 { segments.last { $0.firstTimestamp != nil }?.lastTimestamp ?? 0 }

    // MARK: Opening

    private func recover() throws(LogError) {
        var found = LogRecovery(directory: directory)
        try found.run()
        segments = found.segments
        producers = found.producers
        recovery = found.report
        // Of what a process wrote that was killed, nobody knows what is on the device.
        if directory.isDurable, !segments.isEmpty {
            unsynced = segments.filter { !found.indexed.contains($0.baseOffset) }.map(\.file)
            namesUnsynced = true
        }
        unsealed = segments.dropLast().filter { !found.indexed.contains($0.baseOffset) }
        if !unsealed.isEmpty {
            producerSnapshot = ProducerFile.json(producers.upTo(active.baseOffset), endOffset: active.baseOffset)
        }
        guard segments.isEmpty else { return }
        do {
            try addSegment(baseOffset: 0)
        } catch {
            throw .unusable("\(error)")
        }
    }

    private func addSegment(baseOffset: Int64) throws(SystemError) {
        let file = try directory.open(Segment.name(baseOffset: baseOffset))
        segments.append(Segment(baseOffset: baseOffset, file: file))
        namesUnsynced = true
    }

    /// Seals the active segment and begins the next one.
    private func roll() throws(SystemError) {
        let sealed = active
        try addSegment(baseOffset: sealed.nextOffset)
        guard directory.isDurable else { return }
        unsealed.append(sealed)
        producerSnapshot = ProducerFile.json(producers.upTo(sealed.nextOffset), endOffset: sealed.nextOffset)
    }

    /// Whether a sealed segment waits for a sync and its index.
    package var hasUnsealedSegments: Bool { !unsealed.isEmpty }

    // MARK: Writing

    /// Writes the batch at the end. Its first offset must be ``nextOffset``. After a throw no record of it is in the log.
    package func append(_ batch: borrowing AppendBatch) throws(LogError) {
        precondition(batch.firstOffset == nextOffset, "the batch starts at \(batch.firstOffset), the log goes on at \(nextOffset)")
        if let failure { throw failure }
        do {
            if active.byteCount > 0, active.byteCount + batch.byteCount > configuration.segmentBytes { try roll() }
        } catch {
            throw refuse(error)
        }
        let segment = active
        do {
            var parts = batch.parts()
            try parts.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
                try segment.file.write(buffer, at: segment.byteCount)
            }
        } catch {
            // Part of the batch may be in the file; without the cut, a later and shorter append would leave its end behind.
            do {
                try segment.file.truncate(to: segment.byteCount)
            } catch {
                throw fail(error)
            }
            throw refuse(error)
        }
        if unsynced.last !== segment.file { unsynced.append(segment.file) }
        segment.grow(
            by: batch.count, bytes: batch.byteCount, firstTimestamp: batch.marks[0].timestamp, lastTimestamp: batch.lastTimestamp,
            marks: batch.marks)
    }

    /// The table's entry for a producer id.
    package func producer(_ id: String) -> ProducerTable.Producer { producers.producer(id) }

    /// Takes note that messages of a producer, with consecutive sequence numbers, are in the batch that will be appended next.
    package func remember(_ producer: ProducerTable.Producer, sequence: Int64, offset: Int64, count: Int64 = 1) {
        producers.stored(producer, sequence: sequence, offset: offset, count: count)
    }

    /// Takes back what ``producers`` were told of messages that could not be appended.
    package func rollBackProducers() {
        producers.rollBack(to: nextOffset)
    }

    private func refuse(_ error: SystemError) -> LogError {
        let refusal = LogError(writing: error)
        if case .full = refusal { return refusal }
        return fail(error)
    }

    private func fail(_ error: SystemError) -> LogError {
        let failure = LogError.failed(error)
        if self.failure == nil { self.failure = failure }
        return self.failure!
    }

    // MARK: Syncing

    /// What has to be synced so that everything up to ``LogEnd`` is on the device.
    package struct SyncWork: Sendable {
        package var end: LogEnd
        package var files: [any LogFile]
        package var directory: any LogDirectory
        package var syncsNames: Bool
        /// Of sealed segments that are all on the device once the files are.
        var indexes: [IndexFile]
        var producerSnapshot: [UInt8]?

        package func perform() throws(SystemError) {
            for file in files { try file.synchronize() }
            if syncsNames { try directory.synchronize() }
        }

        /// Writes what a later opening can do without, but is slower without; so nothing depends on its success.
        package func writeIndexes() {
            for index in indexes { try? directory.replace(IndexFile.name(baseOffset: index.baseOffset), with: index.json) }
            if let producerSnapshot { try? directory.replace(ProducerFile.name, with: producerSnapshot) }
        }
    }

    /// The end of the log at a moment.
    package struct LogEnd: Sendable, Equatable {
        package var offset: Int64
        /// Base offset of the segment that was the last, and its length.
        package var segment: Int64
        package var position: Int64
    }

    package var end: LogEnd { LogEnd(offset: nextOffset, segment: active.baseOffset, position: active.byteCount) }

    /// `nil` where nothing was written since the last call. The work may be performed on another thread.
    package func takeSyncWork(with extra: (any LogFile)? = nil) -> SyncWork? {
        guard !unsynced.isEmpty || namesUnsynced || extra != nil || !unsealed.isEmpty else { return nil }
        let work = SyncWork(
            end: end, files: unsynced + (extra.map { [$0] } ?? []), directory: directory, syncsNames: namesUnsynced,
            indexes: unsealed.map(\.indexFile), producerSnapshot: producerSnapshot)
        unsynced = []
        namesUnsynced = false
        unsealed = []
        producerSnapshot = nil
        return work
    }

    /// A sync, or a write beside the segments, failed: nothing is taken from here on.
    package func stopWriting(after error: SystemError) {
        _ = fail(error)
    }

    // MARK: Finding

    /// The segment that holds the offset, or where it will be written.
    package func segment(holding offset: Int64) -> Segment? {
        guard offset >= oldestOffset, offset <= nextOffset else { return nil }
        var low = 0
        var high = segments.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if segments[middle].baseOffset <= offset {
                low = middle
            } else {
                high = middle
            }
        }
        return segments[low]
    }

    /// The first offset whose message is not older than the time (microseconds since 1970); ``nextOffset`` for none.
    package func offset(notBefore timestamp: Int64) throws(SystemError) -> Int64 {
        guard let segment = segments.first(where: { $0.firstTimestamp != nil && $0.lastTimestamp >= timestamp }) else { return nextOffset }
        return try segment.offset(notBefore: timestamp)
    }

    // MARK: Retention

    /// Drops what the limits allow, and returns how many segments went. `now`: microseconds since 1970.
    @discardableResult
    package func applyRetention(now: Int64) throws(SystemError) -> Int {
        if let age = configuration.retentionAge {
            let horizon = now.subtractingClamped(age.microseconds)
            if active.firstTimestamp != nil, active.lastTimestamp < horizon { try roll() }
            return try drop { $0.lastTimestamp < horizon } + dropByBytes()
        }
        return try dropByBytes()
    }

    private func dropByBytes() throws(SystemError) -> Int {
        guard let limit = configuration.retentionBytes else { return 0 }
        var total = byteCount
        return try drop { oldest in
            guard total - oldest.byteCount >= limit else { return false }
            total -= oldest.byteCount
            return true
        }
    }

    private func drop(while isDue: (Segment) -> Bool) throws(SystemError) -> Int {
        var dropped = 0
        while segments.count > 1, isDue(segments[0]) {
            try directory.remove(Segment.name(baseOffset: segments[0].baseOffset))
            // It may have none.
            try? directory.remove(IndexFile.name(baseOffset: segments[0].baseOffset))
            segments.removeFirst()
            dropped += 1
        }
        return dropped
    }
}

extension Duration {
    /// Whole microseconds.
    package var microseconds: Int64 {
        wholeMicroseconds
    }
}
