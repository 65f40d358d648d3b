/// The `code` of an `error` frame.
package enum ErrorCode: String, Sendable, CaseIterable {
    /// Not a JSON object, or a member that is missing, twice there, or of the wrong kind. The connection goes on.
    case invalidFrame = "invalid_frame"
    /// The payload is not JSON (RFC 8259). Nothing of the frame was stored; the connection goes on.
    case invalidJSON = "invalid_json"
    /// The connection goes on.
    case unknownType = "unknown_type"
    /// The announced length is beyond the limit, or zero: the stream cannot be followed, and is closed.
    case frameTooLarge = "frame_too_large"
    /// The token is wrong, or a frame came before `hello` with a token. Closed.
    case unauthorized
    /// Another connection subscribed with the same id. Closed.
    case superseded
    /// The id was taken over too often in a short time: it stays with its subscriber. The connection goes on.
    case tooManyTakeovers = "too_many_takeovers"
    /// A sequence number that is not above the producer's last, and too old to be remembered.
    case staleSequence = "stale_sequence"
    /// A subscriber fell behind retention: delivery goes on at `oldest_offset`. Or the offset of an `ack` lies beyond
    /// the newest message: nothing has changed.
    case offsetOutOfRange = "offset_out_of_range"
    /// The request names another log, or messages that this log has lost. Nothing has changed; the connection goes on.
    case otherLog = "other_log"
    /// The connection goes on.
    case tooManyPositions = "too_many_positions"
    /// No position is stored for the subscriber id.
    case unknownPosition = "unknown_position"
    /// A subscriber with this id is connected.
    case positionInUse = "position_in_use"
    /// Nothing of the frame was stored; the same publish may succeed later.
    case storageFull = "storage_full"
    /// A write or sync failed: the server takes no more publishes until an operator has looked.
    case storageFailed = "storage_failed"
    /// A record that is to be delivered is damaged: nothing from `offset` on can be had from its segment. Closed.
    case corruptLog = "corrupt_log"
    case tooManyConnections = "too_many_connections"
    case tooManySubscribers = "too_many_subscribers"
    case idleTimeout = "idle_timeout"
    /// A frame was begun and not continued in time. Closed.
    case frameTimeout = "frame_timeout"
    /// All connections together hold too much of unfinished frames and unread responses, and this one held most for
    /// longest. Closed.
    case overloaded
    case shuttingDown = "shutting_down"
}
