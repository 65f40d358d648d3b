import TelemetryBase

/// The positions that a server stores for subscribers.
extension MQClient {
    /// The committed position of a subscriber id, as the server reports it.
    public struct Position: Sendable, Hashable {
        /// The id that was passed to ``MQClient/subscribe(id:from:onOtherLog:)``.
        public var subscriberID: String
        /// The last message that was committed; -1 for none.
        public var committedOffset: Int64
        /// The number of messages after the committed one.
        public var lag: Int64
        /// The age of the oldest message that is not committed; zero if there is none.
        public var lagDuration: Duration
        /// Whether a subscriber with this id is connected.
        public var isConnected: Bool
        /// The time of the last commit; `nil` if the server does not know it.
        public var committedAt: Timestamp?
        /// The number of messages that retention removed before they were committed, since the position was first
        /// stored.
        public var skippedMessages: Int64
        /// The log that the position belongs to, 32 hexadecimal digits.
        public var logID: String
    }

    /// Returns the stored positions of all subscriber ids, connected or not, ordered by id.
    ///
    /// Waits while there is no connection, like all methods here.
    public func positions() async throws(MQError) -> [Position] {
        var all: [Position] = []
        var after: String?
        repeat {
            let last = after
            let payload = try await ask {
                $0.member("type", "list_positions")
                if let last { $0.member("after", last) }
            }
            let page: PositionPage
            do {
                page = try payload.withUnsafeBytes { bytes throws(JSONError) in try PositionPage(bytes) }
            } catch {
                throw MQError(.protocolViolation, "\(peer): invalid list of positions: \(error)")
            }
            all += page.positions
            // Without this check, a server that returns the same id again would cause an endless loop.
            guard page.next != after else { break }
            after = page.next
        } while after != nil
        return all
    }

    /// Commits everything up to and including `offset` for a subscriber id, whether or not it is connected: messages
    /// being delivered to it do not change, but a later subscription at ``StartPosition/committed`` begins after it.
    ///
    /// Throws ``MQError/Code/rejected(code:)`` with `offset_out_of_range` for a message that does not exist yet, and
    /// with `too_many_positions` if the server's limit on positions is reached.
    public func setPosition(of subscriberID: String, to offset: Int64) async throws(MQError) {
        _ = try await ask {
            $0.member("type", "ack")
            $0.member("subscriber_id", subscriberID)
            $0.member("offset", offset)
        }
    }

    /// Deletes the position: a later subscription at ``StartPosition/committed`` begins with the oldest message.
    ///
    /// Throws ``MQError/Code/rejected(code:)`` with `unknown_position` if there is none, and with `position_in_use`
    /// while a subscriber with this id is connected.
    public func deletePosition(of subscriberID: String) async throws(MQError) {
        _ = try await ask {
            $0.member("type", "delete_position")
            $0.member("subscriber_id", subscriberID)
        }
    }
}

/// The payload of a response to `list_positions`.
private struct PositionPage {
    var positions: [MQClient.Position] = []
    /// The id after which the list continues.
    var next: String?

    init(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var reader = JSONReader(bytes)
        try reader.readObject { (key, reader) throws(JSONError) in
            if key == "positions" {
                try reader.readArray { (reader) throws(JSONError) in positions.append(try Self.position(&reader)) }
            } else if key == "next" {
                next = try reader.readString()
            } else {
                _ = try reader.skipValue()
            }
        }
        try reader.finish()
    }

    private static func position(_ reader: inout JSONReader) throws(JSONError) -> MQClient.Position {
        var found = MQClient.Position(
            subscriberID: "", committedOffset: -1, lag: 0, lagDuration: .zero, isConnected: false, committedAt: nil,
            skippedMessages: 0, logID: "")
        try reader.readObject { (key, reader) throws(JSONError) in
            if key == "subscriber_id" {
                found.subscriberID = try reader.readString()
            } else if key == "committed_offset" {
                found.committedOffset = try reader.readInt64()
            } else if key == "lag" {
                found.lag = try reader.readInt64()
            } else if key == "lag_seconds" {
                // Beyond any real age: a number from a socket must not overflow a duration.
                found.lagDuration = .seconds(min(max(0, try reader.readDouble()), 1e12))
            } else if key == "connected" {
                found.isConnected = try reader.readBool()
            } else if key == "committed_at" {
                let microseconds = try reader.readInt64()
                found.committedAt = microseconds > 0 ? Timestamp(microseconds: microseconds) : nil
            } else if key == "skipped" {
                found.skippedMessages = try reader.readInt64()
            } else if key == "log_id" {
                found.logID = try reader.readString()
            } else {
                _ = try reader.skipValue()
            }
        }
        return found
    }
}
