import TelemetryBase

/// A parsed frame of a client. Slices point into the frame's bytes.
package struct Request {
    package enum Kind {
        case hello, publish, subscribe, unsubscribe, ack, nack, getStats, listPositions, deletePosition, ping, pong
    }

    /// The behaviour of a subscription that names another log than this one.
    package enum OtherLogPolicy {
        case oldest, fail
    }

    /// The start position of a subscription.
    package enum Start {
        case earliest, latest, committed
        case offset(Int64)
        /// Microseconds since 1970: the first message that is not older.
        case time(Int64)
    }

    package var kind: Kind?
    /// The type's text, for the error that reports an unknown type.
    package var typeText: JSONText?
    /// A JSON string or integer, unchanged.
    package var requestID: UnsafeRawBufferPointer?
    package var hasPayloads = false
    /// A JSON string with its quotes.
    package var producerID: UnsafeRawBufferPointer?
    package var sequence: Int64?
    package var subscriberID: String?
    package var token: String?
    package var keepaliveMilliseconds: Int64?
    package var start: Start?
    package var hasMessageID = false
    /// The log and its epoch that the client refers to, as it names them.
    package var logID: JSONText?
    package var logEpoch: JSONText?
    package var onOtherLog = OtherLogPolicy.oldest
    /// `list_positions`: only the positions of ids after this one.
    package var after: String?
}

/// The reason for refusing a frame.
package struct RequestError: Error {
    package var code: ErrorCode
    package var message: String
}

/// Parses requests; reuses the memory for the list of payloads.
@usableFromInline
package struct RequestParser {
    @inlinable
    package static var maxRequestIDBytes: Int { 64 }
    @inlinable
    package static var maxIDBytes: Int { 128 }
    /// A payload can take two bytes of a frame and takes a hundred of the log: without a limit, one frame could take
    /// gigabytes.
    @inlinable
    package static var maxPayloads: Int { 65_536 }

    /// The payloads of the request that was parsed last.
    package private(set) var payloads: [UnsafeRawBufferPointer] = []
    /// The request as far as it was parsed, for the error's `request_id`.
    package private(set) var request = Request()
    /// Whether the last value parsed was a payload.
    private var isBehindPayload = false

    package init() {}

    package mutating func parse(_ frame: UnsafeRawBufferPointer) throws(RequestError) {
        payloads.removeAll(keepingCapacity: true)
        request = Request()
        isBehindPayload = false
        var reader = JSONReader(frame)
        do {
            try reader.beginObject()
            while let key = try reader.nextKey() {
                isBehindPayload = false
                try readMember(key, frame, &reader)
            }
            isBehindPayload = false
            try reader.finish()
        } catch let error as JSONError {
            // `01` is a complete value followed by another byte: the payload is wrong, not the frame.
            throw RequestError(code: isBehindPayload ? .invalidJSON : .invalidFrame, message: "\(error)")
        } catch {
            throw error as! RequestError
        }
        guard request.typeText != nil else {
            throw RequestError(code: .invalidFrame, message: "the member type is missing")
        }
        if let sequence = request.sequence, sequence > Record.numberBound - Int64(payloads.count) {
            throw Self.badSequence
        }
    }

    private mutating func readMember(_ key: JSONText, _ frame: UnsafeRawBufferPointer, _ reader: inout JSONReader)
        throws
    {
        if key == "type" {
            guard request.typeText == nil else { throw twice(key) }
            let text = try reader.readText()
            request.typeText = text
            request.kind = kind(text)
        } else if key == "payload" {
            guard payloads.isEmpty, !request.hasPayloads else { throw twice(key) }
            payloads.append(try readPayload(frame, &reader))
            isBehindPayload = true
        } else if key == "payloads" {
            guard payloads.isEmpty, !request.hasPayloads else { throw twice(key) }
            request.hasPayloads = true
            try reader.beginArray()
            while try nextPayload(&reader) {
                guard payloads.count < Self.maxPayloads else {
                    throw RequestError(
                        code: .invalidFrame, message: "payloads has more than \(Self.maxPayloads) elements")
                }
                payloads.append(try readPayload(frame, &reader))
            }
        } else if key == "request_id" {
            guard request.requestID == nil else { throw twice(key) }
            let kind = try reader.peek()
            let range = try reader.skipValue()
            let isInteger = kind == .number && !frame[range].contains { $0 == 0x2E || $0 | 0x20 == 0x65 }
            guard kind == .string || isInteger, range.count <= Self.maxRequestIDBytes else {
                throw RequestError(
                    code: .invalidFrame,
                    message: "request_id must be a string or an integer of at most \(Self.maxRequestIDBytes) bytes")
            }
            request.requestID = UnsafeRawBufferPointer(rebasing: frame[range])
        } else if key == "producer_id" {
            guard request.producerID == nil else { throw twice(key) }
            let start = try reader.peek() == .string ? reader.position : -1
            let text = try reader.readText()
            guard start >= 0, text.raw.count <= Self.maxIDBytes, text.raw.count > 0 else { throw badID(key) }
            request.producerID = UnsafeRawBufferPointer(rebasing: frame[start..<reader.position])
        } else if key == "sequence" {
            request.sequence = try reader.readInt64()
            guard 0..<Record.numberBound ~= request.sequence! else { throw Self.badSequence }
        } else if key == "subscriber_id" {
            request.subscriberID = try readID(key, &reader)
        } else if key == "client_id" {
            // The client's name, for people who inspect the connection; nothing depends on it.
            _ = try readID(key, &reader)
        } else if key == "token" {
            request.token = try reader.readString()
        } else if key == "keepalive_ms" {
            request.keepaliveMilliseconds = try reader.readInt64()
        } else if key == "offset" {
            guard request.start == nil else { throw twice(key) }
            request.start = try readStart(&reader)
        } else if key == "timestamp" {
            guard request.start == nil else {
                throw RequestError(code: .invalidFrame, message: "offset and timestamp exclude each other")
            }
            request.start = .time(try reader.readInt64())
        } else if key == "log_id" {
            request.logID = try reader.readText()
        } else if key == "log_epoch" {
            request.logEpoch = try reader.readText()
        } else if key == "on_other_log" {
            request.onOtherLog = try readOtherLogPolicy(&reader)
        } else if key == "after" {
            request.after = try reader.readString()
        } else if key == "message_id" {
            request.hasMessageID = true
            _ = try reader.skipValue()
        } else {
            // A member of a later version is ignored.
            _ = try reader.skipValue()
        }
    }

    private func kind(_ text: JSONText) -> Request.Kind? {
        if text == "publish" { return .publish }
        if text == "ack" { return .ack }
        if text == "ping" { return .ping }
        if text == "pong" { return .pong }
        if text == "subscribe" { return .subscribe }
        if text == "unsubscribe" { return .unsubscribe }
        if text == "hello" { return .hello }
        if text == "nack" { return .nack }
        if text == "get_stats" { return .getStats }
        if text == "list_positions" { return .listPositions }
        if text == "delete_position" { return .deletePosition }
        return nil
    }

    private func readPayload(_ frame: UnsafeRawBufferPointer, _ reader: inout JSONReader) throws
        -> UnsafeRawBufferPointer
    {
        do {
            return UnsafeRawBufferPointer(rebasing: frame[try reader.skipValue()])
        } catch let error {
            throw RequestError(code: .invalidJSON, message: "payload \(payloads.count): \(error)")
        }
    }

    private func nextPayload(_ reader: inout JSONReader) throws -> Bool {
        do {
            return try reader.nextElement()
        } catch let error {
            throw RequestError(code: .invalidJSON, message: "after payload \(payloads.count): \(error)")
        }
    }

    private func readID(_ key: JSONText, _ reader: inout JSONReader) throws -> String {
        let text = try reader.readString()
        guard !text.isEmpty, text.utf8.count <= Self.maxIDBytes else { throw badID(key) }
        return text
    }

    private func readStart(_ reader: inout JSONReader) throws -> Request.Start {
        if try reader.peek() == .string {
            let text = try reader.readText()
            if text == "committed" { return .committed }
            if text == "earliest" { return .earliest }
            if text == "latest" { return .latest }
        } else {
            switch try reader.readInt64() {
            case -2: return .earliest
            case -1: return .latest
            case let offset where offset >= 0: return .offset(offset)
            default: break
            }
        }
        throw RequestError(
            code: .invalidFrame,
            message: "offset must be 0 or more, -2 (earliest), -1 (latest), \"earliest\", \"latest\" or \"committed\"")
    }

    private func readOtherLogPolicy(_ reader: inout JSONReader) throws -> Request.OtherLogPolicy {
        if try reader.peek() == .string {
            let text = try reader.readText()
            if text == "oldest" { return .oldest }
            if text == "fail" { return .fail }
        }
        throw RequestError(code: .invalidFrame, message: #"on_other_log must be "oldest" or "fail""#)
    }

    /// The range includes the sequences of all messages of the publish.
    private static let badSequence = RequestError(
        code: .invalidFrame, message: "sequence must be 0 or more, and below 2^62")

    private func twice(_ key: JSONText) -> RequestError {
        RequestError(code: .invalidFrame, message: "more than one \(key.string)")
    }

    private func badID(_ key: JSONText) -> RequestError {
        RequestError(code: .invalidFrame, message: "\(key.string) must be a string of 1 to \(Self.maxIDBytes) bytes")
    }
}
