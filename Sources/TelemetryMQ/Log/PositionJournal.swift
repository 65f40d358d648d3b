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
    /// What opening the journal found, where it was not whole.
    package private(set) var cutTail: String?
    package private(set) var damage: String?

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
        let found = try Self.read(file)
        offsets = found.offsets
        damage = found.damage
        byteCount = found.end
        if let torn = found.torn {
            cutTail = torn
            try file.truncate(to: found.end)
        }
        var live = ByteWriter()
        for (id, offset) in offsets { Self.appendLine(id, offset, to: &live) }
        liveBytes = Int64(live.count)
    }

    struct Contents {
        var offsets: [String: Int64] = [:]
        /// Behind the last line that has its end.
        var end: Int64 = 0
        /// Said of bytes behind it, as a crash leaves them.
        var torn: String?
        /// Said of lines that are broken: damage, or a page that a power loss took with positions that were not synced.
        var damage: String?
    }

    /// Reads a journal. A broken line does not outdate those before it, nor spoil those behind it.
    static func read(_ file: any LogFile) throws(SystemError) -> Contents {
        let size = Int(try file.size())
        guard size <= 1 << 30 else { throw SystemError("read", on: file.path, code: EFBIG) }
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 1), alignment: 1)
        defer { bytes.deallocate() }
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<size]), at: 0)
        let text = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        var contents = Contents()
        var broken: (count: Int, first: Int) = (0, 0)
        var start = 0
        while start < count {
            guard let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) else {
                contents.torn = "\(file.path): \(count - start) bytes at byte \(start) are not a whole line"
                break
            }
            if let (id, offset) = parse(UnsafeRawBufferPointer(rebasing: text[start..<end])) {
                contents.offsets[id] = offset
            } else {
                broken = (broken.count + 1, broken.count == 0 ? start : broken.first)
            }
            start = end + 1
        }
        contents.end = Int64(start)
        if broken.count > 0 {
            contents.damage =
                "\(file.path): damaged at byte \(broken.first): \(broken.count) committed positions cannot be read, and earlier ones count"
        }
        return contents
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
            let offset = try reader.readInt64()
            return 0..<Record.numberBound ~= offset ? (id, offset) : nil
        } catch {
            return nil
        }
    }
}
