/// The messages of a ``Subscription`` as decoded values. Created by ``Subscription/decoded(_:)``.
public struct DecodedSubscription<Value: Sendable>: AsyncSequence, Sendable {
    public struct Element: Sendable {
        /// The message's offset in the log, from 0.
        public var offset: Int64 { position.offset }
        /// The message's position, with its log: see ``Message/position``.
        public let position: LogPosition
        /// The time when the server stored it; `nil` if the server does not report it.
        public let timestamp: Timestamp?
        /// The value that the decoder returned for the payload.
        public let value: Value
    }

    public typealias Failure = MQError

    /// The subscription, through which positions are committed.
    public let subscription: Subscription
    let decode: @Sendable (ArraySlice<UInt8>) throws -> Value

    public func makeAsyncIterator() -> Iterator {
        Iterator(messages: subscription.makeAsyncIterator(), id: subscription.id, decode: decode)
    }

    /// Reads the values one after another; one task owns it.
    public struct Iterator: AsyncIteratorProtocol {
        var messages: Subscription.Iterator
        let id: String
        let decode: @Sendable (ArraySlice<UInt8>) throws -> Value

        /// Returns the next value; `nil` after ``Subscription/close()``. Throws ``MQError/Code/undecodable``, with the
        /// message's offset, if the decoder throws; the next call continues after that message.
        public mutating func next() async throws(MQError) -> Element? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MQError) -> Element? {
            guard let message = try await messages.next(isolation: actor) else { return nil }
            do {
                return Element(
                    position: message.position, timestamp: message.timestamp, value: try decode(message.payload))
            } catch {
                throw MQError(.undecodable, "message \(message.offset), subscription \(id): \(error)")
            }
        }
    }
}

extension Subscription {
    /// Returns the messages as decoded values. The decoder receives a message's JSON, on the task that iterates:
    ///
    ///     let samples = subscription.decoded { try JSONDecoder().decode(Sample.self, from: Data($0)) }
    public func decoded<Value: Sendable>(
        _ decode: @escaping @Sendable (ArraySlice<UInt8>) throws -> Value
    ) -> DecodedSubscription<Value> {
        DecodedSubscription(subscription: self, decode: decode)
    }
}
