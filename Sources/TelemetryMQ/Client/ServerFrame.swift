import TelemetryBase
import TelemetryMQProtocol

/// A parsed frame of the server. Ranges count from the start of the frame, after its length bytes.
enum ServerFrame {
    struct Answer {
        var requestID: Int64?
        var offset: Int64?
        /// The offset of every message of a publish, if they are not consecutive.
        var offsets: [Int64]?
        /// The number of messages that retention removed between the requested offset and this one.
        var skipped: Int64?
        var isLogReset = false
        /// With ``isLogReset``: the number of offsets before the requested one that are different messages now, because
        /// the log lost its tail.
        var rewound: Int64?
        /// The server's log.
        var log = LogTag.unknown
        /// With ``isLogReset``: the log that the committed position was of.
        var previousLog = LogTag.unknown
        /// The largest frame that the server accepts.
        var maxFrameBytes: Int64?
        var payload: Range<Int>?
    }

    struct Refusal {
        var requestID: Int64?
        var code: String
        var text: String
        /// The offset where delivery continues, with the code `offset_out_of_range`.
        var oldestOffset: Int64?
        /// With the code `too_many_takeovers`.
        var retryAfterMilliseconds: Int64?
    }

    case message(offset: Int64, timestamp: Int64, payload: Range<Int>)
    case response(Answer)
    case error(Refusal)
    case ping
    case pong
    /// A type of a later version, which is ignored.
    case unknown

    /// `frame`: includes its length bytes. Throws ``JSONError`` if it is not a frame of the protocol.
    static func parse(_ frame: UnsafeRawBufferPointer) throws(JSONError) -> ServerFrame {
        if let header = Record.header(frame) {
            if let damage = Record.damage(frame) {
                throw JSONError(offset: Int(clamping: header.offset), reason: damage)
            }
            let payload = header.payload
            return .message(
                offset: header.offset, timestamp: header.timestamp,
                payload: payload.lowerBound - 4..<payload.upperBound - 4)
        }
        return try parseMembers(UnsafeRawBufferPointer(rebasing: frame[Record.lengthBytes...]))
    }

    /// Reads an offset, or a number of messages or bytes.
    private static func readCount(_ reader: inout JSONReader) throws(JSONError) -> Int64 {
        let number = try reader.readInt64()
        guard 0..<Record.numberBound ~= number else { throw reader.error("\(number) is not from 0 and below 2^62") }
        return number
    }

    /// Reads a frame whose members may come in any order.
    private static func parseMembers(_ body: UnsafeRawBufferPointer) throws(JSONError) -> ServerFrame {
        var reader = JSONReader(body)
        var type: JSONText?
        var answer = Answer()
        var timestamp: Int64 = 0
        var code = ""
        var text = ""
        var oldestOffset: Int64?
        var retryAfter: Int64?
        var (logID, logEpoch, previousLogID): (JSONText?, JSONText?, JSONText?)
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "type" {
                type = try reader.readText()
            } else if key == "request_id", try reader.peek() == .number {
                answer.requestID = try reader.readInt64()
            } else if key == "offset" {
                answer.offset = try readCount(&reader)
            } else if key == "offsets" {
                var offsets: [Int64] = []
                try reader.beginArray()
                while try reader.nextElement() { offsets.append(try readCount(&reader)) }
                answer.offsets = offsets
            } else if key == "timestamp", try reader.peek() == .number {
                timestamp = try reader.readInt64()
            } else if key == "skipped" {
                answer.skipped = try readCount(&reader)
            } else if key == "oldest_offset" {
                oldestOffset = try readCount(&reader)
            } else if key == "max_frame_bytes" {
                answer.maxFrameBytes = max(1, try readCount(&reader))
            } else if key == "log_reset" {
                answer.isLogReset = try reader.readBool()
            } else if key == "log_id", try reader.peek() == .string {
                logID = try reader.readText()
            } else if key == "log_epoch", try reader.peek() == .string {
                logEpoch = try reader.readText()
            } else if key == "previous_log_id", try reader.peek() == .string {
                previousLogID = try reader.readText()
            } else if key == "rewound" {
                answer.rewound = try reader.readInt64()
            } else if key == "retry_after_ms" {
                retryAfter = try reader.readInt64()
            } else if key == "payload" {
                answer.payload = try reader.skipValue()
            } else if key == "code" {
                code = try reader.readString()
            } else if key == "error" {
                text = try reader.readString()
            } else {
                _ = try reader.skipValue()
            }
        }
        try reader.finish()
        answer.log = LogTag(id: logID?.raw, epoch: logEpoch?.raw)
        answer.previousLog = LogTag(id: previousLogID?.raw, epoch: nil)
        guard let type else { throw JSONError(offset: 0, reason: "the member type is missing") }
        if type == "message", let offset = answer.offset, let payload = answer.payload {
            return .message(offset: offset, timestamp: timestamp, payload: payload)
        }
        if type == "response" { return .response(answer) }
        if type == "error" {
            return .error(
                Refusal(
                    requestID: answer.requestID, code: code, text: text, oldestOffset: oldestOffset,
                    retryAfterMilliseconds: retryAfter))
        }
        if type == "ping" { return .ping }
        if type == "pong" { return .pong }
        return .unknown
    }
}
