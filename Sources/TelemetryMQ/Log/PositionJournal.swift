import Glibc
import TelemetryBase
import TelemetryIO

/// The committed positions of subscribers, kept as a journal of small JSON lines:
///
///     {"subscriber_id":"c1","offset":7,"log_id":"…","log_epoch":"…","committed_at":1732380000000000,"crc32c":"9a8b7c6d"}
///
/// `offset` is the last message that the subscriber has committed; the checksum covers the line before its own member.
/// The last line of a subscriber counts. The file is rewritten, and renamed into place, when most of it is outdated.
///
/// Belongs to the thread of its log.
package final class PositionJournal {
    static let fileName = "positions.journal"
    static let rewriteBytes: Int64 = 4 << 20

    private let directory: any LogDirectory
    private var file: any LogFile
    private var byteCount: Int64 = 0
    private var liveBytes: Int64 = 0
    private var isUnsynced = false
    private let stamp: [UInt8]
    /// The first offset of the log; messages that retention removes beyond it are counted by ``retentionMoved(to:)``.
    private var oldestOffset: Int64
    /// By subscriber id.
    package private(set) var positions: TextTable<Position> = [:]
    private var sorted: [String]?
    /// Incomplete lines that opening the journal found.
    package private(set) var cutTail: String?
    package private(set) var damage: String?
    /// Positions that did not refer to a message of this log, and were reset.
    package private(set) var repairs: [String] = []
    /// By subscriber id, until it commits again.
    package private(set) var repaired: TextTable<PositionRepair> = [:]
    /// The file contains lines that must not count at the next start: it has to be rewritten.
    package private(set) var needsRewrite = false

    package convenience init(directory: any LogDirectory) throws(LogError) {
        try self.init(directory: directory, bounds: .none, now: 0)
    }

    /// `now`: microseconds since 1970; positions whose last use is not known count as used now.
    package init(directory: any LogDirectory, bounds: PositionBounds, now: Int64) throws(LogError) {
        self.directory = directory
        stamp = PositionLine.stamp(bounds.identity)
        oldestOffset = bounds.oldestOffset
        do {
            file = try directory.open(Self.fileName)
            try recover(bounds, now)
        } catch let error as LogError {
            throw error
        } catch {
            throw .unusable("\(error)")
        }
    }

    private func recover(_ bounds: PositionBounds, _ now: Int64) throws {
        let found = try PositionReading(file, bounds: bounds)
        positions = found.positions
        positions.updateAll { if $0.usedAt == 0 { $0.usedAt = now } }
        damage = found.damage
        repairs = found.repairs.sorted.map { id, repair in
            "\(file.path): position of \(id): \(repair.reason); it is reset to \(repair.offset)"
        }
        repaired = found.repairs
        needsRewrite = bounds.identity != nil && (!repairs.isEmpty || found.hasOlderLines)
        byteCount = found.end
        if let torn = found.torn {
            cutTail = torn
            try file.truncate(to: found.end)
        }
        liveBytes = Int64(lines(positions).count)
    }

    // MARK: Reading

    package var count: Int { positions.count }

    package subscript(_ id: String) -> Position? { positions[id] }

    /// Subscriber id → the last message that it has committed.
    package var offsets: TextTable<Int64> { positions.mapValues(\.offset) }

    /// The subscriber ids, ordered by their bytes.
    package var ids: [String] {
        if let sorted { return sorted }
        let new = positions.sortedKeys
        sorted = new
        return new
    }

    // MARK: Changing

    /// Stores that a subscriber has committed everything up to a message. After an error its position is unchanged.
    /// `time`: microseconds since 1970.
    package func commit(_ id: String, offset: Int64, at time: Int64 = 0) throws(LogError) {
        let known = positions[id]
        let new = Position(offset: offset, committedAt: time, usedAt: time, skipped: known?.skipped ?? 0)
        try write(id, new)
        repaired[id] = nil
        if known == nil { sorted = nil }
    }

    /// Stores that the subscriber is connected, so that its position does not expire after the next start.
    package func touch(_ id: String, at time: Int64) throws(LogError) {
        guard var position = positions[id] else { return }
        position.usedAt = time
        try write(id, position)
    }

    /// Records that the subscriber was connected until now. Not written.
    package func used(_ id: String, at time: Int64) {
        positions[id]?.usedAt = time
    }

    /// Deletes positions. After an error they are unchanged.
    package func delete(_ ids: [String]) throws(LogError) {
        var out = ByteWriter()
        for id in ids { PositionLine.appendDeletion(id, stamp: stamp, to: &out) }
        try write(out.bytes) { current in
            for id in ids { current[id] = nil }
        }
        for id in ids {
            positions[id] = nil
            repaired[id] = nil
        }
        sorted = nil
    }

    /// Counts the messages that retention removed for subscribers that had not committed them.
    package func retentionMoved(to oldest: Int64) {
        guard oldest > oldestOffset else { return }
        positions.updateAll { $0.retentionMoved(from: oldestOffset, to: oldest) }
        oldestOffset = oldest
    }

    /// The file, if it was written to since the last call.
    package func takeUnsynced() -> (any LogFile)? {
        defer { isUnsynced = false }
        return isUnsynced ? file : nil
    }

    // MARK: Writing

    private func write(_ id: String, _ position: Position) throws(LogError) {
        var line = ByteWriter(capacity: 256)
        PositionLine.append(id, position, oldestOffset: oldestOffset, stamp: stamp, to: &line)
        try write(line.bytes) { $0[id] = position }
        positions[id] = position
    }

    /// Appends the lines, or rewrites the file with the positions after `change`.
    private func write(_ lines: [UInt8], _ change: (inout TextTable<Position>) -> Void) throws(LogError) {
        do {
            if needsRewrite || byteCount + Int64(lines.count) > max(Self.rewriteBytes, 4 * liveBytes) {
                var current = positions
                change(&current)
                try rewrite(current)
            } else {
                try append(lines)
            }
        } catch {
            throw LogError(writing: error)
        }
        isUnsynced = true
    }

    /// Rewrites the file if it contains lines that must not count at the next start.
    package func rewriteIfNeeded() throws(LogError) {
        guard needsRewrite else { return }
        do {
            try rewrite(positions)
        } catch {
            throw LogError(writing: error)
        }
    }

    private func append(_ lines: [UInt8]) throws(SystemError) {
        do {
            try file.write(lines, at: byteCount)
        } catch {
            // A part of the lines may be there; a shorter one after it would leave its end in the file.
            try file.truncate(to: byteCount)
            throw error
        }
        byteCount += Int64(lines.count)
    }

    private func rewrite(_ current: TextTable<Position>) throws(SystemError) {
        let all = lines(current)
        // From here on the old file has no name, whether or not the next call succeeds.
        file = try directory.replaceSynced(Self.fileName, with: all)
        byteCount = Int64(all.count)
        liveBytes = byteCount
        try directory.synchronize()
        needsRewrite = false
    }

    private func lines(_ positions: TextTable<Position>) -> [UInt8] {
        var all = ByteWriter()
        for (id, position) in positions {
            PositionLine.append(id, position, oldestOffset: oldestOffset, stamp: stamp, to: &all)
        }
        return all.bytes
    }
}
