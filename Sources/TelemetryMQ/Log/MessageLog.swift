import Glibc
import TelemetryBase
import TelemetryIO

/// The append-only log: segments in the order of their offsets; the last one is open for appending.
///
/// Belongs to one thread; only the syncing of files may happen on another.
package final class MessageLog {
    package let directory: any LogDirectory
    private let configuration: Configuration
    /// Never empty.
    package private(set) var segments: [Segment] = []
    /// The total size of all segments but the last.
    private var sealedByteCount: Int64 = 0
    /// The latest time of any message; 0 without one. It is in the future if the clock was ahead.
    package private(set) var newestTimestamp: Int64 = 0
    package private(set) var producers = ProducerTable()
    package private(set) var recovery = Recovery()
    /// Set by the first failed write or sync; after that the log is read-only.
    package private(set) var failure: LogError?
    /// Written to, and not synced since.
    private var unsynced: [any LogFile] = []
    /// Segments that were sealed before the log was opened, and that may not be on the device.
    private var unsyncedNames: [String] = []
    private var namesUnsynced = false
    /// Sealed segments without an index, which is written once they are on the device.
    private var unsealed: [Segment] = []
    /// The producer table when the last segment was sealed, to be written with its index.
    private var producerSnapshot: [UInt8]?

    /// Opens the log and applies retention. `now`: microseconds since 1970.
    package init(
        directory: any LogDirectory, configuration: Configuration = Configuration(), now: Int64 = 0,
        onProgress: @escaping (Opening) -> Void = { _ in }
    ) throws(LogError) {
        self.directory = directory
        self.configuration = configuration
        try recover(now: now, onProgress)
    }

    package var active: Segment { segments[segments.count - 1] }
    package var oldestOffset: Int64 { segments[0].baseOffset }
    /// The offset that the next message gets.
    package var nextOffset: Int64 { active.nextOffset }
    package var byteCount: Int64 { sealedByteCount + active.byteCount }
    /// The timestamp of the newest message; 0 without one.
    package private(set) var lastTimestamp: Int64 = 0

    // MARK: Opening

    private func recover(now: Int64, _ onProgress: @escaping (Opening) -> Void) throws(LogError) {
        var found = LogRecovery(directory: directory, configuration: configuration, now: now, onProgress: onProgress)
        try found.run()
        segments = found.segments
        producers = found.producers
        recovery = found.report
        // After a process was killed, it is unknown which of its writes are on the device.
        if directory.isDurable, !segments.isEmpty {
            do {
                unsynced = [try active.openFile()]
            } catch {
                throw .unusable("\(error)")
            }
            unsyncedNames = segments.dropLast().filter { !found.indexed.contains($0.baseOffset) }.map {
                Segment.name(baseOffset: $0.baseOffset)
            }
            namesUnsynced = true
        }
        sealedByteCount = segments.dropLast().reduce(0) { $0 + $1.byteCount }
        newestTimestamp = segments.map(\.newestTimestamp).max() ?? 0
        lastTimestamp = segments.last { $0.firstTimestamp != nil }?.lastTimestamp ?? 0
        unsealed = segments.dropLast().filter { !found.indexed.contains($0.baseOffset) }
        if !unsealed.isEmpty {
            producerSnapshot = ProducerFile.json(producers.upTo(active.baseOffset), endOffset: active.baseOffset)
        }
        do {
            if segments.isEmpty {
                try addSegment(baseOffset: 0)
            } else {
                dropAfterReading(now: now)
            }
        } catch {
            throw .unusable("\(error)")
        }
    }

    /// Nothing was known about segments without an index before they were read.
    private func dropAfterReading(now: Int64) {
        do {
            recovery.droppedCount += try applyRetention(now: now)
        } catch {
            // The server tries again every second.
            recovery.notices.append("retention: \(error)")
        }
        recovery.segmentCount = segments.count
        recovery.messageCount = segments.reduce(0) { $0 + $1.messageCount }
        recovery.byteCount = byteCount
    }

    private func addSegment(baseOffset: Int64) throws(SystemError) {
        let file = try directory.open(Segment.name(baseOffset: baseOffset))
        segments.append(Segment(baseOffset: baseOffset, file: file, in: directory))
        namesUnsynced = true
    }

    /// Seals the active segment and begins the next one.
    private func roll() throws(SystemError) {
        let sealed = active
        try addSegment(baseOffset: sealed.nextOffset)
        sealedByteCount += sealed.byteCount
        guard directory.isDurable else { return }
        unsealed.append(sealed)
        producerSnapshot = ProducerFile.json(producers.upTo(sealed.nextOffset), endOffset: sealed.nextOffset)
    }

    /// Whether a sealed segment waits for a sync and its index.
    package var hasUnsealedSegments: Bool { !unsealed.isEmpty }

    // MARK: Writing

    /// Writes the batch at the end. Its first offset must be ``nextOffset``. After a throw no record of it is in the log.
    package func append(_ batch: borrowing AppendBatch) throws(LogError) {
        precondition(
            batch.firstOffset == nextOffset,
            "the batch starts at \(batch.firstOffset), the log continues at \(nextOffset)")
        if let failure { throw failure }
        let file = try fileWithPlace(for: batch.byteCount)
        let segment = active
        do {
            var parts = batch.parts()
            try parts.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
                try file.write(buffer, at: segment.byteCount)
            }
        } catch {
            // A part of the batch may be in the file; without the cut, a later and shorter append would leave its end
            // after the new record.
            do {
                try file.truncate(to: segment.byteCount)
            } catch {
                throw fail(error)
            }
            throw refuse(error)
        }
        if directory.isDurable, unsynced.last !== file { unsynced.append(file) }
        segment.grow(
            by: batch.count, bytes: batch.byteCount, firstTimestamp: batch.marks[0].timestamp,
            lastTimestamp: batch.lastTimestamp,
            newestTimestamp: batch.newestTimestamp, marks: batch.marks)
        lastTimestamp = batch.lastTimestamp
        newestTimestamp = max(newestTimestamp, batch.newestTimestamp)
    }

    /// The file for the next bytes: that of a new segment if they would make the current one too large.
    private func fileWithPlace(for byteCount: Int64) throws(LogError) -> any LogFile {
        do {
            if active.byteCount > 0, active.byteCount + byteCount > configuration.segmentBytes { try roll() }
            return try active.openFile()
        } catch {
            throw refuse(error)
        }
    }

    /// Throws what an append of this number of bytes would throw. It writes zeros at the position of the append, and
    /// cuts them off again; after a crash in between they are a torn end.
    package func tryRoom(for byteCount: Int64) throws(LogError) {
        if let failure { throw failure }
        let file = try fileWithPlace(for: byteCount)
        let end = active.byteCount
        let zeros = [UInt8](repeating: 0, count: Int(clamping: min(max(byteCount, 1), 1 << 20)))
        var refusal: SystemError?
        do {
            var written: Int64 = 0
            while written < byteCount {
                try file.write(zeros, at: end + written)
                written += Int64(zeros.count)
            }
        } catch {
            refusal = error
        }
        do {
            try file.truncate(to: end)
        } catch {
            throw fail(error)
        }
        if let refusal { throw refuse(refusal) }
    }

    /// The table's entry for a producer id.
    package func producer(_ id: String) -> ProducerTable.Producer { producers.producer(id) }

    /// Records that messages of a producer, with consecutive sequence numbers, are in the batch that will be appended
    /// next.
    package func remember(_ producer: ProducerTable.Producer, sequence: Int64, offset: Int64, count: Int64 = 1) {
        producers.stored(producer, sequence: sequence, offset: offset, count: count)
    }

    /// Removes from ``producers`` messages that could not be appended.
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

    package var end: LogEnd { LogEnd(offset: nextOffset, segment: active.baseOffset, position: active.byteCount) }

    /// Returns `nil` if nothing was written since the last call. The work may be performed on another thread.
    package func takeSyncWork(with extra: (any LogFile)? = nil) -> SyncWork? {
        guard !unsynced.isEmpty || !unsyncedNames.isEmpty || namesUnsynced || extra != nil || !unsealed.isEmpty else {
            return nil
        }
        let work = SyncWork(
            end: end, files: unsynced + (extra.map { [$0] } ?? []), names: unsyncedNames, directory: directory,
            syncsNames: namesUnsynced,
            indexes: unsealed.map(\.indexFile), producerSnapshot: producerSnapshot)
        for segment in unsealed { segment.letGoOfFile() }
        unsynced = []
        unsyncedNames = []
        namesUnsynced = false
        unsealed = []
        producerSnapshot = nil
        return work
    }

    /// A sync, or a write to a file other than the segments, failed: no writes are accepted after this.
    package func stopWriting(after error: SystemError) {
        _ = fail(error)
    }

    // MARK: Retention

    /// Removes the segments that the limits require, and returns their number. `now`: microseconds since 1970.
    /// `trustsClock`: whether messages may be removed because of their age.
    @discardableResult
    package func applyRetention(now: Int64, trustsClock: Bool = true) throws(SystemError) -> Int {
        var retention = Retention(configuration, now: trustsClock ? now : nil)
        if let horizon = retention.horizon, let newest = active.newestTime(at: now), newest < horizon { try roll() }
        var kept = 0
        for segment in segments.reversed() {
            // The active segment is never removed, and its bytes count.
            guard retention.keeps(byteCount: segment.byteCount, newestTime: segment.newestTime(at: now)) || kept == 0
            else { break }
            kept += 1
        }
        return try drop(segments.count - kept)
    }

    private func drop(_ count: Int) throws(SystemError) -> Int {
        var dropped = 0
        defer {
            if dropped > 0 {
                sealedByteCount -= segments[..<dropped].reduce(0) { $0 + $1.byteCount }
                let gone = Set(segments[..<dropped].map { Segment.name(baseOffset: $0.baseOffset) })
                segments.removeFirst(dropped)
                unsealed.removeAll { hasDropped($0) }
                if !unsyncedNames.isEmpty { unsyncedNames.removeAll { gone.contains($0) } }
                newestTimestamp = segments.map(\.newestTimestamp).max() ?? 0
            }
        }
        while dropped < count {
            let base = segments[dropped].baseOffset
            try directory.remove(Segment.name(baseOffset: base))
            // The segment may have none.
            try? directory.remove(IndexFile.name(baseOffset: base))
            dropped += 1
        }
        return dropped
    }
}
