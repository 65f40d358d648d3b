import TelemetryNet

/// What a journal of positions holds, read line by line: the last line of a subscriber counts, if it means a message
/// of this log.
struct PositionReading {
    private(set) var positions: TextTable<Position> = [:]
    /// By subscriber id: why its last line does not count as it stands, and the offset that does.
    private(set) var repairs: TextTable<PositionRepair> = [:]
    /// After the last line that has its end.
    private(set) var end: Int64 = 0
    /// Describes bytes after it, as a crash leaves them.
    private(set) var torn: String?
    /// Describes lines that are broken: damage, or a page that a power loss took with positions that were not synced.
    private(set) var damage: String?
    /// A line that names its log.
    private(set) var namesLog = false
    /// A line without `log_epoch`, of an older version.
    private(set) var hasOlderLines = false

    private let bounds: PositionBounds

    /// A broken line does not outdate those before it, nor spoil those after it.
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
                torn = "\(path): \(text.count - start) bytes at byte \(start) are not a whole line"
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
            // An earlier line may name a message of this log; without one nothing is known to be done.
            position.offset = positions[line.id]?.offset ?? bounds.oldestOffset - 1
            let reason =
                verdict == .otherLog
                ? "message \(offset) is of another log"
                : "message \(offset) lies beyond the log's end; the next one gets offset \(bounds.nextOffset)"
            repairs[line.id] = PositionRepair(reason: reason, offset: position.offset, logID: line.logID)
        }
        // What retention dropped since the line was written.
        position.retentionMoved(from: line.oldestOffset ?? 0, to: bounds.oldestOffset)
        positions[line.id] = position
    }
}

/// A stored position that did not mean a message of the log.
package struct PositionRepair: Sendable {
    var reason: String
    /// What it is set back to.
    var offset: Int64
    /// The log that it names; `nil` if it names none.
    package var logID: [UInt8]?
}
