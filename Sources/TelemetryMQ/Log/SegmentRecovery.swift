import Glibc
import TelemetryBase
import TelemetryMQProtocol

/// Reads a segment's file from its start, checks every record, and fills in the segment's state.
package struct SegmentRecovery {
    /// The bytes at the file's end that are not a complete record, and the reason.
    struct Tail {
        var position: Int64
        var byteCount: Int64
        var reason: String
    }

    /// Returns the tail if the file does not end with a complete record.
    ///
    /// Damage that a valid record follows is not a torn tail: it throws. `visit` receives every record's header, in
    /// order.
    static func scan(_ segment: Segment, visit: (Record.Header) -> Void) throws(LogError) -> Tail? {
        do {
            let file = try segment.openFile()
            let size = try file.size()
            var reader = SegmentReader(file: file, from: 0, to: size)
            while true {
                let position = reader.position
                var reason: String?
                switch try reader.next() {
                case nil: return nil
                case .damaged(let damage): reason = damage
                case .record(let record):
                    reason = Record.damage(record)
                    guard reason == nil else { break }
                    guard let header = Record.header(record) else {
                        reason = "not a message"
                        break
                    }
                    guard header.offset == segment.nextOffset else {
                        throw LogError.corrupt(
                            path: segment.path, position: position, offset: segment.nextOffset,
                            reason: "holds message \(header.offset) instead")
                    }
                    segment.grow(
                        by: 1, bytes: Int64(record.count), firstTimestamp: header.timestamp,
                        lastTimestamp: header.timestamp,
                        marks: [.init(offset: header.offset, position: 0, timestamp: header.timestamp)])
                    visit(header)
                }
                guard let reason else { continue }
                if let sound = try soundRecord(in: file, of: segment, from: position + 1, to: size) {
                    throw LogError.corrupt(
                        path: segment.path, position: position, offset: segment.nextOffset,
                        reason: "\(reason), but a valid record follows at byte \(sound)")
                }
                return Tail(position: position, byteCount: size - position, reason: reason)
            }
        } catch let error as LogError {
            throw error
        } catch {
            throw .unusable("\(error)")
        }
    }

    /// Reads a sealed segment's file again and compares it with its index. May run on any thread.
    package static func verify(_ file: any LogFile, _ index: IndexFile) -> (
        marks: [SegmentIndex.Mark], damage: Segment.Damage?
    ) {
        let found = Segment(baseOffset: index.baseOffset, file: file)
        func damage(_ position: Int64, _ reason: String) -> Segment.Damage {
            Segment.Damage(position: position, offset: found.nextOffset, reason: reason)
        }
        do {
            let tail = try scan(found) { _ in }
            if let tail { return (found.index.marks, damage(tail.position, tail.reason)) }
            guard found.nextOffset == index.nextOffset, found.byteCount == index.byteCount else {
                return (
                    found.index.marks,
                    damage(
                        found.byteCount,
                        "it ends before message \(found.nextOffset); it was sealed before \(index.nextOffset)")
                )
            }
            return (found.index.marks, nil)
        } catch .corrupt(_, let position, _, let reason) {
            return (found.index.marks, damage(position, reason))
        } catch {
            return (found.index.marks, damage(found.byteCount, "\(error)"))
        }
    }

    /// The position of the first complete record with a correct checksum, found by the text that every record begins
    /// with.
    ///
    /// Bytes that resemble the beginnings of many long records could require reading the file any number of times: that
    /// is refused.
    private static func soundRecord(in file: any LogFile, of segment: Segment, from start: Int64, to end: Int64) throws
        -> Int64?
    {
        let opening = Record.opening
        var budget = end.multipliedClamped(by: 64).addingClamped(1 << 30)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { chunk.deallocate() }
        var position = start
        while position < end {
            let count = try file.read(into: chunk, at: position)
            guard count > opening.utf8CodeUnitCount else { return nil }
            var searched = 0
            while let brace = memchr(chunk.baseAddress! + searched, 0x7B, count - searched) {
                let found = UnsafeRawPointer(chunk.baseAddress!).distance(to: UnsafeRawPointer(brace))
                searched = found + 1
                guard count - found >= opening.utf8CodeUnitCount,
                    memcmp(brace, opening.utf8Start, opening.utf8CodeUnitCount) == 0
                else { continue }
                let recordStart = position + Int64(found) - Int64(Record.lengthBytes)
                guard recordStart >= start else { continue }
                var reader = SegmentReader(file: file, from: recordStart, to: end, bufferBytes: 4096)
                if case .record(let record)? = try reader.next(), Record.damage(record) == nil { return recordStart }
                budget -= max(4096, reader.position - recordStart)
                guard budget > 0 else {
                    throw LogError.corrupt(
                        path: file.path, position: start - 1, offset: segment.nextOffset,
                        reason: "damaged, and the bytes after it resemble too many records to search")
                }
            }
            position += Int64(count - opening.utf8CodeUnitCount)
        }
        return nil
    }
}
