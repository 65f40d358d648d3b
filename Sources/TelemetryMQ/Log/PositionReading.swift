import TelemetryBase
import TelemetryIO

/// The content of a position journal, read line by line: the last line of a subscriber counts, if it refers to a
/// message of this log.
struct PositionReading {
    private(set) var positions: TextTable<Position> = [:]
    /// By subscriber id: the reason why its last line does not count unchanged, and the offset used instead.
    private(set) var repairs: TextTable<PositionRepair> = [:]
    /// The position after the last complete line.
    private(set) var end: Int64 = 0
    /// Describes bytes after it, as a crash leaves them.
    private(set) var torn: String?
    /// Describes invalid lines: damage, or a page lost in a power loss with positions that were not synced.
    private(set) var damage: String?
    /// Whether there is a line that names its log.
    private(set) var namesLog = false
    /// Whether there is a line without `log_epoch`, from an older version.
    private(set) var hasOlderLines = false

    private let bounds: PositionBounds

    /// An invalid line neither outdates the lines before it nor invalidates those after it.
    init(_ file: any LogFile, bounds: PositionBounds = .none) throws(SystemError) {
        self.init(try file.readAll(), path: file.path, bounds: bounds)
    }

    init(_ bytes: [UInt8], path: String, bounds: PositionBounds) {
        self.bounds = bounds
        bytes.withUnsafeBytes { read($0, path) }
    }

    private mutating func read(_ text: UnsafeRawBufferPointer, _ path: String) {
        var broken: (count: Int, first: Int) = (0, 0)
        var start = 0
        while start < text.count {
            guard let lineEnd = text[start...].firstIndex(of: UInt8(ascii: "\n")) else {
                torn = "\(path): \(text.count - start) bytes at byte \(start) are not a complete line"
                break
            }
            if let line = PositionLine(UnsafeRawBufferPointer(rebasing: text[start..<lineEnd])) {
                take(line)
            } else {
                broken = (broken.count + 1, broken.count == 0 ? start : broken.first)
            }
            start = lineEnd + 1
        }
        end = Int64(start)
        if broken.count > 0 {
            damage =
                "\(path): damaged at byte \(broken.first): \(broken.count) committed positions cannot be read, "
                + "and earlier ones count"
        }
    }

    private mutating func take(_ line: PositionLine) {
        if line.logID != nil { namesLog = true }
        guard let offset = line.offset else {
            positions[line.id] = nil
            repairs[line.id] = nil
            return
        }
        if line.epoch == nil { hasOlderLines = true }
        var position = Position(
            offset: offset, committedAt: line.committedAt, usedAt: line.usedAt ?? line.committedAt,
            skipped: line.skipped)
        let verdict = bounds.verdict(line, offset: offset)
        switch verdict {
        case .sound:
            repairs[line.id] = nil
        case .lostTail(let end):
            position.offset = end - 1
            let reason = "message \(offset) was lost with the log's tail, which ends before \(end)"
            repairs[line.id] = PositionRepair(reason: reason, offset: end - 1, logID: line.logID)
        case .beyondEnd, .otherLog:
            // An earlier line may refer to a message of this log; without one, nothing is known to be committed.
            position.offset = positions[line.id]?.offset ?? bounds.oldestOffset - 1
            let reason =
                verdict == .otherLog
                ? "message \(offset) belongs to another log"
                : "message \(offset) is beyond the log's end; the next one gets offset \(bounds.nextOffset)"
            repairs[line.id] = PositionRepair(reason: reason, offset: position.offset, logID: line.logID)
        }
        // Messages that retention removed since the line was written.
        position.retentionMoved(from: line.oldestOffset ?? 0, to: bounds.oldestOffset)
        positions[line.id] = position
    }
}

/// A stored position that did not refer to a message of the log.
package struct PositionRepair: Sendable {
    var reason: String
    /// The offset it is reset to.
    var offset: Int64
    /// The log that it names; `nil` if it names none.
    package var logID: [UInt8]?
}
