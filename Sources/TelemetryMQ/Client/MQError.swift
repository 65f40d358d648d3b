/// The reason why a call of ``MQClient`` or a ``Subscription`` failed.
public struct MQError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of failure that a caller may want to distinguish.
    public enum Code: Sendable, Hashable {
        /// The client or the subscription was closed. A publish in progress may or may not be stored.
        case closed
        /// The task was cancelled. A publish that was sent may or may not be stored.
        case cancelled
        /// The payload is not valid JSON (RFC 8259), or too large for a frame. Nothing was sent.
        case invalidPayload
        /// The publisher's buffer is full, and its configuration is not to wait. Nothing was sent.
        case bufferFull
        /// The subscription's decoder failed on a message. The next one may succeed.
        case undecodable
        /// The server requires a token, and this client's is wrong or missing.
        case unauthorized
        /// Another client subscribed with the same id.
        case superseded
        /// The server has another log than the one that the subscription or the position belongs to, or the log has
        /// lost its tail. Nothing was committed, and nothing is delivered from the other log.
        case otherLog
        /// The system has no thread or no descriptor available for the client.
        case noResources
        /// A message's checksum does not match.
        case corruptMessage
        /// The server violated the protocol.
        case protocolViolation
        /// The server refused the request for another reason; `code` is that of its error frame.
        case rejected(code: String)
    }

    /// The kind of failure.
    public var code: Code
    /// The description, which contains the server's address, and the offset or the server's message.
    public var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    static let cancelled = MQError(.cancelled, "the task was cancelled")
}
