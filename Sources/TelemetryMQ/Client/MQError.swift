/// Why a call of ``MQClient`` or a ``Subscription`` failed.
public struct MQError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure that a caller may want to tell apart.
    public enum Code: Sendable, Hashable {
        /// The client or the subscription was closed. A publish that was under way may be stored or not.
        case closed
        /// The task was cancelled. A publish that was sent may be stored or not.
        case cancelled
        /// The payload is not JSON (RFC 8259), or too large for a frame. Nothing was sent.
        case invalidPayload
        /// The publisher's buffer is full, and its configuration says not to wait. Nothing was sent.
        case bufferFull
        /// A message is not what the subscription's decoder expects. The next one may be.
        case undecodable
        /// The server asks for a token, and this client's is wrong or missing.
        case unauthorized
        /// Another client subscribed with the same id.
        case superseded
        /// The server has another log than the one that the subscription or the position belongs to, or the log has
        /// lost its tail. Nothing was committed, and nothing is delivered from the other log.
        case otherLog
        /// The system has no thread or no descriptor left for the client.
        case noResources
        /// A message's checksum does not match.
        case corruptMessage
        /// The server sent what the protocol does not know.
        case protocolViolation
        /// The server refused for another reason; `code` is that of its error frame.
        case rejected(code: String)
    }

    /// Which kind of failure.
    public var code: Code
    /// Names the server's address, and the offset or the server's own words.
    public var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    static let cancelled = MQError(.cancelled, "the task was cancelled")
}
