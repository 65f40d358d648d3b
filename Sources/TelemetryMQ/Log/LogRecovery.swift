import Glibc
import TelemetryBase
import TelemetryMQProtocol

/// Opens the segments of a directory: by their indexes if they have them, otherwise by reading every record.
///
/// An index is written after its segment is on the device, and syncs follow the order of the log. Up to the last
/// segment with an index, every problem is therefore damage, and is reported. After it, a torn record may result from a
/// power loss: the log is cut there, and segments that follow are renamed, never deleted.
///
/// Segments that retention removes are removed first, and not read. The work is linear: the directory is listed once,
/// and for each segment that is kept one file is read, its index or the segment itself.
struct LogRecovery {
    private let directory: any LogDirectory
    private var retention: Retention
    private let now: Int64
    private let onProgress: (MessageLog.Opening) -> Void
    private(set) var segments: [Segment] = []
    private(set) var producers = ProducerTable()
    private(set) var report = MessageLog.Recovery()
    /// Base offsets of segments that were opened by their index.
    private(set) var indexed: Set<Int64> = []
    /// Messages before this offset are in the producer table that was read from its snapshot.
    private var snapshotEnd: Int64 = 0
    private var names: Set<String> = []
    /// Segments whose size agrees with their index.
    private var agreeing: Set<Int64> = []
    private var opening = MessageLog.Opening()

    /// - Parameter now: The time in microseconds since 1970.
    init(
        directory: any LogDirectory, configuration: MessageLog.Configuration, now: Int64,
        onProgress: @escaping (MessageLog.Opening) -> Void = { _ in }
    ) {
        self.directory = directory
        self.now = now
        self.onProgress = onProgress
        retention = Retention(configuration, now: now)
    }

    mutating func run() throws(LogError) {
        do {
            try openSegments()
        } catch let error as LogError {
            throw error
        } catch {
            throw .unusable("\(error)")
        }
        report.segmentCount = segments.count
        report.messageCount = segments.reduce(0) { $0 + $1.messageCount }
        report.byteCount = segments.reduce(0) { $0 + $1.byteCount }
    }

    private mutating func openSegments() throws {
        names = Set(try directory.fileNames())
        let all = names.compactMap(Segment.baseOffset(ofName:)).sorted()
        guard let last = all.last else { return }
        guard last < Record.numberBound else {
            let name = Segment.name(baseOffset: last)
            throw LogError.unusable("\(directory.path)/\(name): not the name of a segment: offsets are below 2^62")
        }
        opening.segmentCount = all.count
        var indexes = try readIndexes(all)
        let bases = drop(all, &indexes)
        let durableEnd = indexes.values.map(\.nextOffset).max() ?? 0
        if let bytes = try directory.contents(of: ProducerFile.name), let (table, end) = ProducerFile.parse(bytes),
            bases.contains(end)
        {
            producers = table
            snapshotEnd = end
        }

        for (place, base) in bases.enumerated() {
            if let previous = segments.last, previous.nextOffset != base {
                guard previous.nextOffset < base, previous.nextOffset >= durableEnd else {
                    throw LogError.corrupt(
                        path: previous.path, position: previous.byteCount, offset: previous.nextOffset,
                        reason: "the next segment starts at message \(base)")
                }
                return try setAside(bases[place...])
            }
            if let index = indexes[base], agreeing.contains(base), base < snapshotEnd, base != last,
                index.nextOffset == bases[place + 1]
            {
                segments.append(Segment(index, in: directory))
                indexed.insert(base)
            } else {
                let file = try directory.openExisting(Segment.name(baseOffset: base))
                let segment = Segment(baseOffset: base, file: file, in: directory)
                if try !scan(segment, isLast: base == last, durableEnd: durableEnd) {
                    return try setAside(bases[(place + 1)...])
                }
                if base != last { segment.letGoOfFile() }
            }
            opening.segmentsOpened += 1
            onProgress(opening)
        }
    }

    /// Reads the indexes, from the newest to that of the last segment that retention keeps, including those whose
    /// segment is missing: they prove that it existed.
    private mutating func readIndexes(_ bases: [Int64]) throws -> [Int64: IndexFile] {
        var indexes: [Int64: IndexFile] = [:]
        func read(_ base: Int64) throws {
            guard let bytes = try directory.contents(of: IndexFile.name(baseOffset: base)),
                let index = IndexFile(json: bytes),
                index.baseOffset == base
            else { return }
            indexes[base] = index
            if try directory.size(of: Segment.name(baseOffset: base)) == index.byteCount { agreeing.insert(base) }
        }
        var firstKept = bases[bases.count - 1]
        for base in bases.reversed() {
            if names.contains(IndexFile.name(baseOffset: base)) { try read(base) }
            opening.indexesRead += 1
            onProgress(opening)
            // Only bytes that are certain to be there count: a segment without an index may have a torn end.
            let index = base != bases.last && agreeing.contains(base) ? indexes[base] : nil
            guard retention.keeps(byteCount: index?.byteCount ?? 0, newestTime: index?.newestTime(at: now)) else {
                break
            }
            firstKept = base
        }
        for name in names {
            guard let base = IndexFile.baseOffset(ofName: name), indexes[base] == nil, base > firstKept,
                !names.contains(Segment.name(baseOffset: base))
            else { continue }
            try read(base)
        }
        report.oldestKept = firstKept
        return indexes
    }

    /// Removes the segments that retention does not keep, the oldest first, and indexes without a segment. Returns
    /// those that are kept.
    private mutating func drop(_ bases: [Int64], _ indexes: inout [Int64: IndexFile]) -> [Int64] {
        let firstKept = report.oldestKept
        for base in bases where base < firstKept {
            do {
                try directory.remove(Segment.name(baseOffset: base))
                report.droppedCount += 1
            } catch {
                // It is no longer part of the log in any case; the next opening tries again.
                report.notices.append("retention: \(error)")
            }
        }
        for name in names {
            guard let base = IndexFile.baseOffset(ofName: name), base < firstKept else { continue }
            try? directory.remove(name)
            indexes[base] = nil
        }
        return bases.filter { $0 >= firstKept }
    }

    /// Returns whether the log continues after the segment.
    private mutating func scan(_ segment: Segment, isLast: Bool, durableEnd: Int64) throws -> Bool {
        let tail = try SegmentRecovery.scan(segment) { header in
            opening.messagesRead += 1
            if opening.messagesRead & 0xFFFF == 0 { onProgress(opening) }
            guard header.offset >= snapshotEnd, let id = header.producerID, let sequence = header.sequence else {
                return
            }
            producers.stored(producers.producer(id), sequence: sequence, offset: header.offset)
        }
        segments.append(segment)
        guard let tail else { return true }
        guard segment.nextOffset >= durableEnd else {
            throw LogError.corrupt(
                path: segment.path, position: tail.position, offset: segment.nextOffset,
                reason: "\(tail.reason), in a segment that was sealed")
        }
        try segment.openFile().truncate(to: tail.position)
        report.cutTail =
            "\(segment.path): cut \(tail.byteCount) bytes at byte \(tail.position), before message \(segment.nextOffset): \(tail.reason)"
        return isLast
    }

    private mutating func setAside(_ bases: ArraySlice<Int64>) throws {
        for base in bases {
            let name = Segment.name(baseOffset: base)
            let end = segments.last?.nextOffset ?? 0
            // A second power loss may leave a segment of the same name.
            var aside = name + ".set-aside"
            var number = 1
            while !names.insert(aside).inserted {
                number += 1
                aside = name + ".set-aside-\(number)"
            }
            try directory.rename(name, to: aside)
            report.setAside.append(
                "\(directory.path)/\(aside): begins with message \(base), but the log ends before message \(end); its messages were not synced"
            )
        }
    }
}
