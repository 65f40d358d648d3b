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
    private var pending = ByteWriter()
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

    package func commit(_ id: String, offset: Int64) {
        offsets[id] = offset
        Self.appendLine(id, offset, to: &pending)
    }

    /// Writes what was committed since the last call; returns the file where it has to be synced.
    package func flush() throws(SystemError) -> (any LogFile)? {
        guard pending.count > 0 else { return nil }
        if byteCount + Int64(pending.count) > max(Self.rewriteBytes, 4 * liveBytes) {
            try rewrite()
        } else {
            try file.write(pending.bytes, at: byteCount)
            byteCount += Int64(pending.count)
        }
        pending.bytes.removeAll(keepingCapacity: true)
        return file
    }

    private func rewrite() throws(SystemError) {
        var all = ByteWriter()
        for (id, offset) in offsets { Self.appendLine(id, offset, to: &all) }
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
