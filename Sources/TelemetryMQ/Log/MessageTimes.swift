import TelemetryBase
import TelemetryIO
import TelemetryMQProtocol

/// The times when messages were stored, for reports that need many at a time.
///
/// A segment's marks give the time for about every 32 KiB. If that is not precise enough, one record is read and cached
/// for the next report; the number of reads per report is limited, because they happen on the server's thread.
package struct MessageTimes {
    /// The maximum number of reads per report; beyond it the marks are used.
    static let maxReads = 128
    /// Marks that are closer together than this, in microseconds, or than a twentieth of the message's age, are precise
    /// enough.
    static let tolerance: Int64 = 1_000_000

    /// The times that the previous report needed, by offset.
    private var known: [Int64: Int64] = [:]
    private var asked: [Int64: Int64] = [:]
    private(set) var reads = 0

    package init(reads: Int = 0) {
        self.reads = reads
    }

    package mutating func beginReport() {
        known = asked
        asked = [:]
        reads = 0
    }

    /// Microseconds since 1970; `nil` if the log does not contain the message. If it is not exact, it is earlier.
    package mutating func time(of offset: Int64, in log: MessageLog, now: Int64) -> Int64? {
        if let time = asked[offset] { return time }
        if let time = known[offset] {
            asked[offset] = time
            return time
        }
        guard offset < log.nextOffset, let segment = log.segment(holding: offset),
            let bounds = segment.timeBounds(of: offset)
        else { return nil }
        let age = max(0, now.subtractingClamped(bounds.upperBound))
        if bounds.upperBound.subtractingClamped(bounds.lowerBound) <= max(Self.tolerance, age / 20) {
            return bounds.lowerBound
        }
        guard reads < Self.maxReads else { return bounds.lowerBound }
        reads += 1
        // A record that cannot be read is reported when it is delivered.
        guard let time = try? segment.timestamp(of: offset) else { return bounds.lowerBound }
        asked[offset] = time
        return time
    }
}

extension Segment {
    /// The range of times within which the message was stored, as far as the marks show.
    func timeBounds(of offset: Int64) -> ClosedRange<Int64>? {
        guard let first = firstTimestamp else { return nil }
        let before = index.mark(atOrBefore: offset)
        let after = before.flatMap { index.recordStart(after: $0.position, notBeyond: $0.position) }
        let low = max(first, before?.timestamp ?? first)
        return low...max(low, after?.timestamp ?? lastTimestamp)
    }

    /// Reads the time of one message; `nil` if its record is damaged or missing.
    func timestamp(of offset: Int64) throws(SystemError) -> Int64? {
        let mark = index.mark(atOrBefore: offset)
        var reader = try SegmentReader(
            file: openFile(), from: mark?.position ?? 0, to: byteCount, bufferBytes: 64 * 1024)
        var at = mark?.offset ?? baseOffset
        while case .record(let record)? = try reader.next() {
            if at == offset {
                guard Record.damage(record) == nil, let header = Record.header(record), header.offset == offset else {
                    return nil
                }
                return header.timestamp
            }
            at += 1
        }
        return nil
    }
}
