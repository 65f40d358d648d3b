import Glibc
import TelemetryMQProtocol
import TelemetryNet

/// What a log's directory holds, found by reading every record. It changes nothing and takes no lock, so it may look at the
/// log of a server that is running.
public struct LogInspection: Sendable {
    /// One segment file, and what was found in it.
    public struct Segment: Sendable {
        /// The file.
        public var path: String
        /// The offset of the first message.
        public var baseOffset: Int64
        /// The offset behind the last sound message.
        public var nextOffset: Int64
        /// Bytes of the sound messages.
        public var soundByteCount: Int64
        /// Bytes of the file.
        public var fileByteCount: Int64
        /// When the first message was stored, in microseconds since 1970; `nil` without a message.
        public var firstTimestamp: Int64?
        /// When the last sound message was stored, likewise.
        public var lastTimestamp: Int64?
        /// Whether it has an index that agrees with it. The segment that is written to has none.
        public var hasIndex: Bool
        /// What is wrong with it, with the position in bytes.
        public var damage: String?
    }

    /// The segments, in the order of their offsets.
    public private(set) var segments: [Segment] = []
    /// The log's identity, 32 hexadecimal digits; `nil` if its directory has none yet.
    public private(set) var logID: String?
    /// The newest of its epochs, 16 hexadecimal digits: the last time that a server opened it.
    public private(set) var logEpoch: String?
    /// The number of epochs that the log remembers.
    public private(set) var epochCount = 0
    /// The last message that each subscriber is done with, in the order of the ids.
    public private(set) var committedOffsets: [(subscriberID: String, offset: Int64)] = []
    /// All that is wrong, one sentence each, with file and position. Empty: the log is sound.
    public private(set) var problems: [String] = []
    /// What is not wrong and worth knowing: a torn or unfinished end, an index that is missing.
    public private(set) var notices: [String] = []

    /// Reads the directory. Throws ``MQServerError`` where it cannot be read at all.
    public init(directory path: String) throws {
        do {
            try read(ReadOnlyDirectory(path: path))
        } catch {
            throw MQServerError("\(error)")
        }
    }

    private mutating func read(_ directory: ReadOnlyDirectory) throws {
        let names = try directory.fileNames()
        // The positions first, then the identity: of a server that is running, neither names what the later ones do not
        // have.
        let journal = names.contains(PositionJournal.fileName) ? try directory.open(PositionJournal.fileName) : nil
        let lines = try journal?.readAll() ?? []
        let identity = try readIdentity(directory)
        let bases = names.compactMap(TelemetryMQLog.Segment.baseOffset(ofName:)).sorted()
        if bases.isEmpty { notices.append("\(directory.path): no segment") }
        for base in bases {
            if let previous = segments.last, previous.damage == nil, previous.nextOffset != base {
                problems.append("\(previous.path): ends before message \(previous.nextOffset); the next segment begins with \(base)")
            }
            guard base < Record.numberBound else {
                let name = TelemetryMQLog.Segment.name(baseOffset: base)
                problems.append("\(directory.path)/\(name): not the name of a segment: offsets are below 2^62")
                continue
            }
            try read(base, directory, isLast: base == bases.last)
        }
        for name in names where name.contains(".set-aside") { notices.append("\(directory.path)/\(name): put aside by a recovery") }
        if let journal { readPositions(lines, journal.path, identity) }
    }

    private mutating func readIdentity(_ directory: ReadOnlyDirectory) throws -> LogIdentity? {
        let path = "\(directory.path)/\(LogIdentityFile.name)"
        guard let bytes = try directory.contents(of: LogIdentityFile.name) else {
            notices.append(
                "\(path): missing, as in a directory of an older version; a server that opens the log makes it")
            return nil
        }
        guard let identity = LogIdentity(json: bytes) else {
            problems.append(
                "\(path): damaged; a server that opens the log makes a new one, and the log counts as another")
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
            problems.append("\(path): position of \(id): \(repair.reason); a server sets it back to \(repair.offset)")
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
                let what = "\(tail.byteCount) bytes at byte \(tail.position), before message \(found.nextOffset): \(tail.reason)"
                if isLast {
                    notices.append("\(file.path): the end is torn, or being written: \(what)")
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
            notices.append("\(file.path): \(index == nil ? "no index" : "an index that does not agree"); the server makes it anew")
        }
        segments.append(
            Segment(
                path: file.path, baseOffset: base, nextOffset: found.nextOffset, soundByteCount: found.byteCount,
                fileByteCount: try file.size(), firstTimestamp: found.firstTimestamp,
                lastTimestamp: found.firstTimestamp == nil ? nil : found.lastTimestamp, hasIndex: agrees, damage: damage))
    }
}

/// A directory that is looked at and not touched.
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
