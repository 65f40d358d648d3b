/// The messages of a ``Subscription`` as values. Made by ``Subscription/decoded(_:)``.
public struct DecodedSubscription<Value: Sendable>: AsyncSequence, Sendable {
    public struct Element: Sendable {
        /// Its place in the log, from 0.
        public var offset: Int64 { position.offset }
        /// Its place, with its log: see ``Message/position``.
        public let position: LogPosition
        /// When the server stored it, in microseconds since 1970; 0 where the server does not say.
        public let timestamp: Int64
        /// What the decoder made of the payload.
        public let value: Value
    }

    public typealias Failure = MQError

    /// Positions are committed here.
    public let subscription: Subscription
    let decode: @Sendable (ArraySlice<UInt8>) throws -> Value

    public func makeAsyncIterator() -> Iterator {
        Iterator(messages: subscription.makeAsyncIterator(), id: subscription.id, decode: decode)
    }

    /// Reads the values one after the other; one task owns it.
    public struct Iterator: AsyncIteratorProtocol {
        var messages: Subscription.Iterator
        let id: String
        let decode: @Sendable (ArraySlice<UInt8>) throws -> Value

        /// The next value; `nil` after ``Subscription/close()``. Throws ``MQError/Code/undecodable``, with the message's offset,
        /// where the decoder throws: called again, it goes on behind that message.
        public mutating func next() async throws(MQError) -> Element? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MQError) -> Element? {
            guard let message = try await messages.next(isolation: actor) else { return nil }
            do {
                return Element(position: message.position, timestamp: message.timestamp, value: try decode(message.payload))
            } catch {
                throw MQError(.undecodable, "message \(message.offset), subscription \(id): \(error)")
            }
        }
    }
}

extension Subscription {
    /// The messages as values. The decoder gets a message's JSON, on the task that iterates:
    ///
    ///     let samples = subscription.decoded { try JSONDecoder().decode(Sample.self, from: Data($0)) }
    public func decoded<Value: Sendable>(
        _ decode: @escaping @Sendable (ArraySlice<UInt8>) throws -> Value
    ) -> DecodedSubscription<Value> {
        DecodedSubscription(subscription: self, decode: decode)
    }
}
