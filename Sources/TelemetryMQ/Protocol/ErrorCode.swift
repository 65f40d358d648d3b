/// The `code` of an `error` frame.
package enum ErrorCode: String, Sendable, CaseIterable {
    /// Not a JSON object, or a member that is missing, duplicated, or of the wrong kind. The connection stays open.
    case invalidFrame = "invalid_frame"
    /// The payload is not valid JSON (RFC 8259). Nothing of the frame was stored; the connection stays open.
    case invalidJSON = "invalid_json"
    /// The connection stays open.
    case unknownType = "unknown_type"
    /// The announced length is above the limit, or zero: the stream cannot be parsed further. Closed.
    case frameTooLarge = "frame_too_large"
    /// The token is wrong, or a frame came before `hello` with a token. Closed.
    case unauthorized
    /// Another connection subscribed with the same id. Closed.
    case superseded
    /// The id was taken over too often in a short time: its present subscriber keeps it. The connection stays open.
    case tooManyTakeovers = "too_many_takeovers"
    /// A sequence number that is not above the producer's last one, and too old to be remembered.
    case staleSequence = "stale_sequence"
    /// Retention overtook a subscriber: delivery continues at `oldest_offset`. Or the offset of an `ack` is beyond the
    /// newest message: nothing has changed.
    case offsetOutOfRange = "offset_out_of_range"
    /// The request names another log, or messages that this log has lost. Nothing has changed; the connection stays
    /// open.
    case otherLog = "other_log"
    /// The connection stays open.
    case tooManyPositions = "too_many_positions"
    /// No position is stored for the subscriber id.
    case unknownPosition = "unknown_position"
    /// A subscriber with this id is connected.
    case positionInUse = "position_in_use"
    /// Nothing of the frame was stored; the same publish may succeed later.
    case storageFull = "storage_full"
    /// A write or sync failed: the server accepts no more publishes until an operator has intervened.
    case storageFailed = "storage_failed"
    /// A record that is due for delivery is damaged: nothing from `offset` on can be read from its segment. Closed.
    case corruptLog = "corrupt_log"
    case tooManyConnections = "too_many_connections"
    case tooManySubscribers = "too_many_subscribers"
    case idleTimeout = "idle_timeout"
    /// A frame was begun and not completed in time. Closed.
    case frameTimeout = "frame_timeout"
    /// All connections together use too much memory for unfinished frames and unread responses, and this one had the
    /// largest product of memory and time. Closed.
    case overloaded
    case shuttingDown = "shutting_down"
}
