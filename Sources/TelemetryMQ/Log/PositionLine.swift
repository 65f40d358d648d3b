import TelemetryBase
import TelemetryMQProtocol

/// One line of the position journal: a subscriber's new position, or its deletion.
struct PositionLine: Equatable {
    var id: String
    /// `nil`: the position was deleted.
    var offset: Int64?
    /// The log and its epoch that the offset belongs to; `nil` in lines of older versions.
    var logID: [UInt8]?
    var epoch: UInt64?
    var committedAt: Int64 = 0
    /// `nil`: not later than ``committedAt``.
    var usedAt: Int64?
    var skipped: Int64 = 0
    /// The log's oldest message when the line was written, if it was after the next message to commit: those before it
    /// are in `skipped`, or are not counted.
    var oldestOffset: Int64?

    /// The members that name the log, `,"log_id":"…","log_epoch":"…"`, made once for all lines of an epoch.
    /// Lines are appended as bytes, with this between their members: each commit of a subscriber writes one.
    static func stamp(_ identity: LogIdentity?) -> [UInt8] {
        guard let identity else { return [] }
        return Array(#","log_id":""#.utf8) + identity.id + Array(#"","log_epoch":""#.utf8) + identity.epoch
            + Array("\"".utf8)
    }

    static func append(
        _ id: String, _ position: Position, oldestOffset: Int64, stamp: [UInt8], to out: inout ByteWriter
    ) {
        let start = out.count
        out.append(#"{"subscriber_id":"#)
        out.appendJSONString(id)
        out.append(#","offset":"#)
        out.appendDecimal(position.offset)
        out.append(stamp)
        if position.committedAt != 0 { appendMember(#","committed_at":"#, position.committedAt, to: &out) }
        if position.usedAt != position.committedAt { appendMember(#","used_at":"#, position.usedAt, to: &out) }
        if position.skipped > 0 { appendMember(#","skipped":"#, position.skipped, to: &out) }
        if oldestOffset > position.nextOffset { appendMember(#","oldest_offset":"#, oldestOffset, to: &out) }
        out.appendChecksum(from: start)
        out.append("\n")
    }

    static func appendDeletion(_ id: String, stamp: [UInt8], to out: inout ByteWriter) {
        let start = out.count
        out.append(#"{"subscriber_id":"#)
        out.appendJSONString(id)
        out.append(#","deleted":true"#)
        out.append(stamp)
        out.appendChecksum(from: start)
        out.append("\n")
    }

    private static func appendMember(_ name: StaticString, _ value: Int64, to out: inout ByteWriter) {
        out.append(name)
        out.appendDecimal(value)
    }

    /// `nil` if the bytes, without the line end, are not a line, or a damaged one.
    init?(_ line: UnsafeRawBufferPointer) {
        guard Checksum.damage(line) == nil, let read = try? Self.read(line) else { return nil }
        self = read
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> PositionLine? {
        var line = PositionLine(id: "")
        var isDeleted = false
        var reader = JSONReader(bytes)
        try reader.readObject { (key, reader) throws(JSONError) in
            if key == "subscriber_id" {
                line.id = try reader.readString()
            } else if key == "offset" {
                line.offset = max(-1, try reader.readInt64())
            } else if key == "deleted" {
                isDeleted = try reader.readBool()
            } else if key == "log_id" {
                line.logID = try reader.readText().resolvedBytes
            } else if key == "log_epoch" {
                line.epoch = Hex.number(try reader.readText().resolvedBytes)
            } else if key == "committed_at" {
                line.committedAt = try reader.readInt64()
            } else if key == "used_at" {
                line.usedAt = try reader.readInt64()
            } else if key == "skipped" {
                line.skipped = max(0, try reader.readInt64())
            } else if key == "oldest_offset" {
                line.oldestOffset = max(0, try reader.readInt64())
            } else {
                _ = try reader.skipValue()
            }
        }
        if isDeleted { line.offset = nil }
        return line.id.isEmpty || (line.offset == nil && !isDeleted) ? nil : line
    }

    private init(id: String) { self.id = id }
}
