import TelemetryIO

/// The messages of a log from a position on: each one, in order, exactly once, across any number of broken connections.
///
/// It may be iterated again: the next iteration continues exactly where the previous one stopped, whether it used
/// ``Iterator/next()`` or ``Iterator/nextBatch()``. When several tasks iterate it at once, each message is delivered to
/// one of them.
///
/// While the consumer is slower than the log, the socket is not read, and unread messages stay on the server. The
/// connection is opened when the iteration begins, and closed when the subscription and its iterators are released. A
/// subscription that is not iterated can commit under its id without taking the id from the subscriber that reads under
/// it.
public struct Subscription: AsyncSequence, Sendable {
    public typealias Element = Message
    public typealias Failure = MQError

    /// The id by which the server identifies the subscriber, and under which positions are committed.
    public let id: String
    let handle: Handle

    /// Closes the connection when the subscription is released.
    final class Handle: Sendable {
        let feed: LoopBound<SubscriptionFeed>
        let buffer: MessageBuffer
        /// Keeps the loop's thread alive.
        let client: MQClient

        init(client: MQClient, id: String, start: MQClient.StartPosition, policy: MQClient.OtherLogPolicy) {
            self.client = client
            let loop = client.loop
            buffer = MessageBuffer(limit: client.configuration.receiveBufferBytes)
            let (registry, buffer, configuration) = (client.registry, buffer, client.configuration)
            feed = LoopBound(
                SubscriptionFeed(
                    id: id, start: start, policy: policy, configuration: configuration, registry: registry, loop: loop,
                    buffer: buffer), to: loop)
        }

        func resumeReading() {
            let feed = feed
            client.loop.execute { feed.value.resumeReading() }
        }

        func commit(_ offset: Int64, log: LogTag?) async throws(MQError) {
            let feed = feed
            let call = Call<Bool>()
            _ = try await call.run(on: client.loop) { finish in
                feed.value.commit(offset, log: log) { finish($0.map { true }) }
            } cancel: { number in
                feed.value.cancelCommit(number)
            }
        }

        deinit {
            let feed = feed
            client.loop.execute { feed.value.release() }
        }
    }

    init(client: MQClient, id: String, start: MQClient.StartPosition, policy: MQClient.OtherLogPolicy) {
        self.id = id
        handle = Handle(client: client, id: id, start: start, policy: policy)
    }

    public func makeAsyncIterator() -> Iterator {
        let feed = handle.feed
        handle.client.loop.execute { feed.value.open() }
        return Iterator(handle: handle)
    }

    /// Reads the messages one after another. It buffers none itself: messages that it has not returned are returned by
    /// the next iterator.
    public struct Iterator: AsyncIteratorProtocol {
        let handle: Handle

        init(handle: Handle) { self.handle = handle }

        /// Returns the next message; `nil` after ``Subscription/close()``.
        public mutating func next() async throws(MQError) -> Message? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MQError) -> Message? {
            if let message = handle.buffer.takeReady() { return message }
            let handle = handle
            return try await handle.buffer.next { handle.resumeReading() }
        }

        /// Returns all messages that have arrived, at least one; `nil` after ``Subscription/close()``. For consumers
        /// that process many at a time.
        public mutating func nextBatch() async throws(MQError) -> [Message]? {
            let handle = handle
            return try await handle.buffer.nextBatch { handle.resumeReading() }
        }
    }

    /// Commits everything up to and including `offset`: a later subscription with the same id and
    /// ``MQClient/StartPosition/committed`` begins after it. Returns when the server has stored the commit as defined
    /// by its sync policy.
    ///
    /// It is a position in the log of the message with that offset that was taken last from this subscription; if none
    /// was, in the log that the server has when it is first sent. If the server has another log by then, nothing is
    /// committed: ``MQError/Code/otherLog``. A consumer that commits long after taking a message, while others are
    /// taken, passes ``Message/position`` instead.
    public func commit(through offset: Int64) async throws(MQError) {
        try await handle.commit(offset, log: handle.buffer.log(of: offset))
    }

    /// Commits exactly this message of this log.
    public func commit(through position: LogPosition) async throws(MQError) {
        try await handle.commit(position.offset, log: position.tag.isKnown ? position.tag : nil)
    }

    /// Stops receiving from the server, and releases the id. The iteration returns the messages that had arrived, and
    /// ends.
    ///
    /// Commits stay possible until the subscription is released or its client closed: over the connection, which is
    /// kept for that, or over a new one.
    public func close() {
        let feed = handle.feed
        handle.client.loop.execute { feed.value.endDelivery() }
    }
}
