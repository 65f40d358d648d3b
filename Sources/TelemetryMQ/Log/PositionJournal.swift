import Glibc
import TelemetryNet

/// The committed positions of subscribers, kept as a journal of small JSON lines:
///
///     {"subscriber_id":"c1","offset":7,"crc32c":"9a8b7c6d"}
///
/// `offset` is the last message that the subscriber is done with; the checksum covers the line before its own member. The
/// last line of a subscriber counts. The file is written anew, and renamed into place, when most of it is outdated.
///
/// Belongs to the thread of its log.
package final class PositionJournal {
    static let fileName = "positions.journal"
    private static let newFileName = "positions.new"
    private static let rewriteBytes: Int64 = 1 << 20

    private let directory: any LogDirectory
    private var file: any LogFile
    private var byteCount: Int64 = 0
    private var liveBytes: Int64 = 0
    private var isUnsynced = false
    /// Subscriber id → the last message it is done with.
    package private(set) var offsets: [String: Int64] = [:]
    package private(set) var cutTail: String?

    package init(directory: any LogDirectory) throws(LogError) {
        self.directory = directory
        do {
            file = try directory.open(Self.fileName)
            try recover()
        } catch let error as LogError {
            throw error
        } catch {
            throw .unusable("\(error)")
        }
    }

    private func recover() throws {
        let (found, damage) = try Self.read(file)
        offsets = found
        byteCount = try file.size()
        switch damage {
        case nil: break
        case .damaged(let error): throw error
        case .tornEnd(let what, let position):
            cutTail = what
            try file.truncate(to: position)
            byteCount = position
        }
        var live = ByteWriter()
        for (id, offset) in offsets { Self.appendLine(id, offset, to: &live) }
        liveBytes = Int64(live.count)
    }

    enum Damage {
        /// The last line is broken, as a crash leaves it; the sound lines end at the position.
        case tornEnd(String, position: Int64)
        case damaged(LogError)
    }

    /// Reads a journal up to the first line that is not whole.
    static func read(_ file: any LogFile) throws(SystemError) -> (offsets: [String: Int64], damage: Damage?) {
        let size = Int(try file.size())
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 1), alignment: 1)
        defer { bytes.deallocate() }
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<size]), at: 0)
        let text = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        var offsets: [String: Int64] = [:]
        var start = 0
        while start < count {
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n"))
            guard let end, let (id, offset) = parse(UnsafeRawBufferPointer(rebasing: text[start..<end])) else {
                // Lines are appended: one that is broken before the last was whole once.
                if let end, end + 1 < count {
                    return (
                        offsets,
                        .damaged(.corrupt(path: file.path, position: Int64(start), offset: -1, reason: "not a committed position"))
                    )
                }
                return (
                    offsets, .tornEnd("\(file.path): \(count - start) bytes at byte \(start) are not a whole line", position: Int64(start))
                )
            }
            offsets[id] = offset
            start = end + 1
        }
        return (offsets, nil)
    }

    /// Writes that a subscriber is done with everything up to a message. After a throw its position is what it was.
    package func commit(_ id: String, offset: Int64) throws(LogError) {
        var line = ByteWriter()
        Self.appendLine(id, offset, to: &line)
        do {
            if byteCount + Int64(line.count) > max(Self.rewriteBytes, 4 * liveBytes) {
                try rewrite(with: id, offset)
            } else {
                try append(line.bytes)
            }
        } catch {
            throw LogError(writing: error)
        }
        offsets[id] = offset
        isUnsynced = true
    }

    /// The file, where it was written to since the last call.
    package func takeUnsynced() -> (any LogFile)? {
        defer { isUnsynced = false }
        return isUnsynced ? file : nil
    }

    private func append(_ line: [UInt8]) throws(SystemError) {
        do {
            try file.write(line, at: byteCount)
        } catch {
            // A part of the line may be there; a shorter one after it would leave its end behind.
            try file.truncate(to: byteCount)
            throw error
        }
        byteCount += Int64(line.count)
    }

    private func rewrite(with id: String, _ offset: Int64) throws(SystemError) {
        var current = offsets
        current[id] = offset
        var all = ByteWriter()
        for (id, offset) in current { Self.appendLine(id, offset, to: &all) }
        let new = try directory.open(Self.newFileName)
        try new.truncate(to: 0)
        try new.write(all.bytes, at: 0)
        // The old file must not be replaced by one whose content is not there yet.
        try new.synchronize()
        try directory.rename(Self.newFileName, to: Self.fileName)
        try directory.synchronize()
        file = new
        byteCount = Int64(all.count)
        liveBytes = byteCount
    }

    private static func appendLine(_ id: String, _ offset: Int64, to out: inout ByteWriter) {
        let start = out.count
        out.append(#"{"subscriber_id":"#)
        out.appendJSONString(id)
        out.append(#","offset":"#)
        out.appendDecimal(offset)
        out.appendChecksum(from: start)
        out.append("\n")
    }

    private static func parse(_ line: UnsafeRawBufferPointer) -> (id: String, offset: Int64)? {
        guard Checksum.damage(line) == nil else { return nil }
        do {
            var reader = JSONReader(line)
            try reader.beginObject()
            guard let name = try reader.nextKey(), name == "subscriber_id" else { return nil }
            let id = try reader.readString()
            guard let second = try reader.nextKey(), second == "offset" else { return nil }
            return (id, try reader.readInt64())
        } catch {
            return nil
        }
    }
}
