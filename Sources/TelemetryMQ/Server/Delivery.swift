import TelemetryIO
import TelemetryMQLog

/// The progress of one subscription through the log: a position, no queue. Bytes go from the segment's file to the
/// socket, in chunks that end at a record's end, so that a response can be sent between two of them.
struct Delivery {
    /// Large enough that the system calls cost little, and small enough that a response does not wait long.
    private static let chunkBytes: Int64 = 1 << 20

    private let broker: Broker
    private var segment: Segment
    /// The segment's file, once a position in it is known: it can be read to its end, even after retention has removed
    /// it.
    private var file: (any LogFile)?
    /// The next byte of the segment to send; known once the segment is verified, because its records must be read.
    private var position: Int64 = 0
    private var isPlaced = false
    /// The end of the chunk that is being sent, and the offset of the record after it.
    private var chunkEnd: Int64 = 0
    private(set) var nextOffset: Int64

    /// `offset` must be within the log, or its end.
    init(broker: Broker, from offset: Int64) throws {
        self.broker = broker
        guard let segment = broker.log.segment(holding: offset) else {
            throw LogError.unusable("offset \(offset) is not in the log")
        }
        self.segment = segment
        nextOffset = offset
    }

    /// Whether the last byte sent was the end of a record.
    var isAtBoundary: Bool { position == chunkEnd }

    enum Outcome {
        case sent(Int)
        /// The socket buffer is full.
        case blocked
        case caughtUp
        /// Retention removed messages that were not delivered yet.
        case fellBehind(from: Int64, to: Int64)
        /// The segment must be verified first.
        case unverified(Segment)
        /// The next record is damaged.
        case damaged(Segment, Segment.Damage)
    }

    /// Sends some bytes: the rest of the chunk, or a part of the next one.
    mutating func send(to descriptor: Int32) throws -> Outcome {
        if isAtBoundary {
            if let outcome = try chooseChunk() { return outcome }
        }
        guard
            let sent = try Socket.sendFile(
                descriptor, from: file!.descriptor, at: position, count: Int(chunkEnd - position))
        else { return .blocked }
        guard sent > 0 else { throw LogError.unusable("\(segment.path): shorter than \(chunkEnd) bytes") }
        position += Int64(sent)
        return .sent(sent)
    }

    private mutating func chooseChunk() throws -> Outcome? {
        if let outcome = try place() { return outcome }
        var limit = visibleBytes
        while position == limit {
            if let damage = segment.damage { return .damaged(segment, damage) }
            // There is nothing after the visible end; a segment before it is complete.
            guard segment.baseOffset < broker.visible.segment else { return .caughtUp }
            if let outcome = enter(segmentOf: segment.nextOffset) { return outcome }
            if let outcome = try place() { return outcome }
            limit = visibleBytes
        }
        if limit - position > Self.chunkBytes,
            let mark = segment.recordStart(after: position, notBeyond: position + Self.chunkBytes),
            mark.position <= limit
        {
            chunkEnd = mark.position
            nextOffset = mark.offset
        } else {
            chunkEnd = limit
            nextOffset =
                segment.damage?.offset
                ?? (segment.baseOffset == broker.visible.segment ? broker.visible.offset : segment.nextOffset)
        }
        return nil
    }

    /// Continues in another segment, the oldest one if the message was removed.
    private mutating func enter(segmentOf offset: Int64) -> Outcome? {
        let found = broker.log.segment(holding: offset) ?? broker.log.segments[0]
        segment = found
        file = nil
        position = 0
        chunkEnd = 0
        isPlaced = false
        nextOffset = max(offset, found.baseOffset)
        return found.baseOffset > offset ? .fellBehind(from: offset, to: found.baseOffset) : nil
    }

    /// Finds the next record's position in a segment that was just entered; returns the obstacle, if any.
    private mutating func place() throws -> Outcome? {
        if isPlaced { return nil }
        // Its file is gone: it was not open.
        if broker.log.hasDropped(segment), let outcome = enter(segmentOf: nextOffset) { return outcome }
        guard segment.isVerified else { return .unverified(segment) }
        if let damage = segment.damage, damage.offset <= nextOffset { return .damaged(segment, damage) }
        do {
            file = try segment.openFile()
            position = try segment.position(of: nextOffset)
        } catch {
            broker.reportReadFailure(segment, error)
            throw error
        }
        chunkEnd = position
        isPlaced = true
        return nil
    }

    /// The part of the segment that may be delivered.
    private var visibleBytes: Int64 {
        // For a segment that was started since the last sync: nothing.
        if segment.baseOffset > broker.visible.segment { return 0 }
        return segment.damage?.position
            ?? (segment.baseOffset == broker.visible.segment ? broker.visible.position : segment.byteCount)
    }
}
