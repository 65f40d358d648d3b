import Glibc
import TelemetryIO
import TelemetryMQProtocol

@_exported import struct TelemetryBase.Timestamp

/// The content of a log's directory, found by reading every record. It changes nothing and takes no lock, so it can
/// inspect the log of a running server.
public struct LogInspection: Sendable {
    /// One segment file, with the results of its inspection.
    public struct Segment: Sendable {
        /// The path of the file.
        public var path: String
        /// The offset of the first message.
        public var baseOffset: Int64
        /// The offset after the last valid message.
        public var nextOffset: Int64
        /// The total size of the valid messages in bytes.
        public var soundByteCount: Int64
        /// The size of the file in bytes.
        public var fileByteCount: Int64
        /// The time when the first message was stored; `nil` without a message.
        public var firstTimestamp: Timestamp?
        /// The time when the last valid message was stored; `nil` without a message.
        public var lastTimestamp: Timestamp?
        /// Whether it has an index that agrees with it. The active segment has none.
        public var hasIndex: Bool
        /// The problem, with the position in bytes; `nil` if there is none.
        public var damage: String?
    }

    /// The segments, in the order of their offsets.
    public private(set) var segments: [Segment] = []
    /// The log's identity, 32 hexadecimal digits; `nil` if its directory has none yet.
    public private(set) var logID: String?
    /// The newest of its epochs, 16 hexadecimal digits: it identifies the last time that a server opened the log.
    public private(set) var logEpoch: String?
    /// The number of epochs that the log remembers.
    public private(set) var epochCount = 0
    /// The last message that each subscriber has committed, ordered by subscriber id.
    public private(set) var committedOffsets: [(subscriberID: String, offset: Int64)] = []
    /// All problems, one sentence each, with file and position. Empty if the log is intact.
    public private(set) var problems: [String] = []
    /// Findings that are not problems: a torn or unfinished end, a missing index.
    public private(set) var notices: [String] = []

    /// Reads the directory. Throws ``MQServerError`` if it cannot be read at all.
    public init(directory path: String) throws {
        do {
            try read(ReadOnlyDirectory(path: path))
        } catch {
            throw MQServerError("\(error)")
        }
    }

    private mutating func read(_ directory: ReadOnlyDirectory) throws {
        let names = try directory.fileNames()
        // The positions first, then the identity: on a running server, neither then refers to anything that the files
        // read later do not contain.
        let journal = names.contains(PositionJournal.fileName) ? try directory.open(PositionJournal.fileName) : nil
        let lines = try journal?.readAll() ?? []
        let identity = try readIdentity(directory)
        let bases = names.compactMap(TelemetryMQLog.Segment.baseOffset(ofName:)).sorted()
        if bases.isEmpty { notices.append("\(directory.path): no segment") }
        for base in bases {
            if let previous = segments.last, previous.damage == nil, previous.nextOffset != base {
                problems.append(
                    "\(previous.path): ends before message \(previous.nextOffset); the next segment begins with \(base)"
                )
            }
            guard base < Record.numberBound else {
                let name = TelemetryMQLog.Segment.name(baseOffset: base)
                problems.append("\(directory.path)/\(name): not the name of a segment: offsets are below 2^62")
                continue
            }
            try read(base, directory, isLast: base == bases.last)
        }
        for name in names where name.contains(".set-aside") {
            notices.append("\(directory.path)/\(name): renamed by a recovery")
        }
        if let journal { readPositions(lines, journal.path, identity) }
    }

    private mutating func readIdentity(_ directory: ReadOnlyDirectory) throws -> LogIdentity? {
        let path = "\(directory.path)/\(LogIdentityFile.name)"
        guard let bytes = try directory.contents(of: LogIdentityFile.name) else {
            notices.append(
                "\(path): missing, as in a directory of an older version; a server that opens the log creates it")
            return nil
        }
        guard let identity = LogIdentity(json: bytes) else {
            problems.append(
                "\(path): damaged; a server that opens the log creates a new identity, and the log counts as a new log")
            return nil
        }
        logID = identity.idText
        logEpoch = identity.epochs.isEmpty ? nil : identity.epochText
        epochCount = identity.epochs.count
        return identity
    }

    private mutating func readPositions(_ lines: [UInt8], _ path: String, _ identity: LogIdentity?) {
        let bounds = PositionBounds(
            identity: identity, oldestOffset: segments.first?.baseOffset ?? 0,
            nextOffset: segments.last?.nextOffset ?? 0)
        let found = PositionReading(lines, path: path, bounds: bounds)
        committedOffsets = found.positions.sorted.map { ($0.key, $0.value.offset) }
        if let torn = found.torn { notices.append(torn) }
        if let damage = found.damage { problems.append(damage) }
        for (id, repair) in found.repairs.sorted {
            problems.append("\(path): position of \(id): \(repair.reason); a server resets it to \(repair.offset)")
        }
        if identity == nil, found.namesLog {
            problems.append(
                "\(path): the positions name a log whose identity is lost: they begin with the oldest message")
        }
    }

    private mutating func read(_ base: Int64, _ directory: ReadOnlyDirectory, isLast: Bool) throws {
        let file = try directory.open(TelemetryMQLog.Segment.name(baseOffset: base))
        let found = TelemetryMQLog.Segment(baseOffset: base, file: file)
        var damage: String?
        do {
            if let tail = try SegmentRecovery.scan(found, visit: { _ in }) {
                let what =
                    "\(tail.byteCount) bytes at byte \(tail.position), before message \(found.nextOffset): \(tail.reason)"
                if isLast {
                    notices.append("\(file.path): the end is torn, or is being written: \(what)")
                } else {
                    damage = what
                }
            }
        } catch {
            damage = error.placeInFile
        }
        if let damage { problems.append("\(file.path): \(damage)") }
        let index = try directory.contents(of: IndexFile.name(baseOffset: base)).map { IndexFile(json: $0) }
        let agrees = damage == nil && index == .some(found.indexFile)
        if !isLast, damage == nil, !agrees {
            notices.append(
                "\(file.path): \(index == nil ? "no index" : "an index that does not agree"); the server recreates it")
        }
        segments.append(
            Segment(
                path: file.path, baseOffset: base, nextOffset: found.nextOffset, soundByteCount: found.byteCount,
                fileByteCount: try file.size(), firstTimestamp: found.firstTimestamp.map(Timestamp.init(microseconds:)),
                lastTimestamp: found.firstTimestamp.map { _ in Timestamp(microseconds: found.lastTimestamp) },
                hasIndex: agrees, damage: damage))
    }
}

/// A directory that is read and not changed.
private final class ReadOnlyDirectory: LogDirectory {
    let path: String
    let isDurable = true

    init(path: String) { self.path = path }

    func fileNames() throws(SystemError) -> [String] { try DiskDirectory.fileNames(path) }

    func open(_ name: String) throws(SystemError) -> any LogFile {
        let full = path + "/" + name
        return DescriptorFile(path: full, descriptor: try openOwnFile(full, O_RDONLY))
    }

    func openExisting(_ name: String) throws(SystemError) -> any LogFile { try open(name) }
    func size(of name: String) throws(SystemError) -> Int64? { try DiskDirectory.size(of: path + "/" + name) }

    func rename(_ old: String, to new: String) throws(SystemError) { throw readOnly("rename", old) }
    func remove(_ name: String) throws(SystemError) { throw readOnly("remove", name) }
    func synchronize() throws(SystemError) {}
    func release() {}

    private func readOnly(_ call: String, _ name: String) -> SystemError {
        SystemError(call, on: path + "/" + name, code: EROFS)
    }
}
