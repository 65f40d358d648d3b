import TelemetryNet

/// Opens the segments of a directory: by their indexes where they have them, else by reading every record.
///
/// An index is written after its segment is on the device, and syncs go in the order of the log. So up to the last
/// segment with an index all that is wrong is damage, and is reported. Behind it, a torn record may be the end of what a
/// power loss left: the log is cut there, and segments that follow are put aside under another name, never deleted.
struct LogRecovery {
    private let directory: any LogDirectory
    private(set) var segments: [Segment] = []
    private(set) var producers = ProducerTable()
    private(set) var report = MessageLog.Recovery()
    /// Base offsets of segments that were opened by their index.
    private(set) var indexed: Set<Int64> = []
    /// Messages before this one are in the producer table that was read from its snapshot.
    private var snapshotEnd: Int64 = 0

    init(directory: any LogDirectory) {
        self.directory = directory
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
        let names = try directory.fileNames()
        let bases = names.compactMap(Segment.baseOffset(ofName:)).sorted()
        guard let last = bases.last else { return }
        guard last < Record.numberBound else {
            let name = Segment.name(baseOffset: last)
            throw LogError.unusable("\(directory.path)/\(name): not the name of a segment: offsets are below 2^62")
        }
        if let bytes = try directory.contents(of: ProducerFile.name), let (table, end) = ProducerFile.parse(bytes), bases.contains(end) {
            producers = table
            snapshotEnd = end
        }
        var indexes: [Int64: IndexFile] = [:]
        // Also those whose segment is gone: they tell that it was there.
        for name in names where name.hasSuffix(IndexFile.nameSuffix) {
            guard let bytes = try directory.contents(of: name), let index = IndexFile(json: bytes),
                IndexFile.name(baseOffset: index.baseOffset) == name
            else { continue }
            indexes[index.baseOffset] = index
        }
        let durableEnd = indexes.values.map(\.nextOffset).max() ?? 0

        for (place, base) in bases.enumerated() {
            let file = try directory.open(Segment.name(baseOffset: base))
            if let previous = segments.last, previous.nextOffset != base {
                guard previous.nextOffset < base, previous.nextOffset >= durableEnd else {
                    throw LogError.corrupt(
                        path: previous.file.path, position: previous.byteCount, offset: previous.nextOffset,
                        reason: "the next segment starts at message \(base)")
                }
                return try setAside(bases[place...])
            }
            if let index = indexes[base], base < snapshotEnd, base != last, try file.size() == index.byteCount,
                index.nextOffset == bases[place + 1]
            {
                segments.append(Segment(index, file: file))
                indexed.insert(base)
            } else if try !scan(Segment(baseOffset: base, file: file), isLast: base == last, durableEnd: durableEnd) {
                return try setAside(bases[(place + 1)...])
            }
        }
    }

    /// Returns whether the log goes on behind the segment.
    private mutating func scan(_ segment: Segment, isLast: Bool, durableEnd: Int64) throws -> Bool {
        let tail = try SegmentRecovery.scan(segment) { header in
            guard header.offset >= snapshotEnd, let id = header.producerID, let sequence = header.sequence else { return }
            producers.stored(producers.producer(id), sequence: sequence, offset: header.offset)
        }
        segments.append(segment)
        guard let tail else { return true }
        guard segment.nextOffset >= durableEnd else {
            throw LogError.corrupt(
                path: segment.file.path, position: tail.position, offset: segment.nextOffset,
                reason: "\(tail.reason), in a segment that was sealed")
        }
        try segment.file.truncate(to: tail.position)
        report.cutTail =
            "\(segment.file.path): cut \(tail.byteCount) bytes at byte \(tail.position), before message \(segment.nextOffset): \(tail.reason)"
        return isLast
    }

    private mutating func setAside(_ bases: ArraySlice<Int64>) throws {
        for base in bases {
            let name = Segment.name(baseOffset: base)
            let end = segments.last?.nextOffset ?? 0
            // A second power loss may leave a segment of the same name.
            var aside = name + ".set-aside"
            let taken = Set(try directory.fileNames())
            var number = 1
            while taken.contains(aside) {
                number += 1
                aside = name + ".set-aside-\(number)"
            }
            try directory.rename(name, to: aside)
            report.setAside.append(
                "\(directory.path)/\(aside): begins with message \(base), but the log ends before message \(end); its messages were not synced")
        }
    }
}
