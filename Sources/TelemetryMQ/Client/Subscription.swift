import TelemetryNet

/// The messages of a log from a position on: every one, in order, once, over any number of broken connections.
///
/// It may be iterated again: the next iteration continues exactly where the one before stopped, whether it used
/// ``Iterator/next()`` or ``Iterator/nextBatch()``. When several tasks iterate it at once, each message goes to one of
/// them.
///
/// While the consumer is slower than the log, the socket is not read, so the server keeps what is not consumed. The
/// connection is made when the iteration begins, and closed when nobody holds the subscription or an iterator of it any
/// more. A subscription that is not iterated can commit under its id without taking the id from whoever reads under it.
public struct Subscription: AsyncSequence, Sendable {
    public typealias Element = Message
    public typealias Failure = MQError

    /// The name by which the server knows the subscriber, and under which positions are committed.
    public let id: String
    let handle: Handle

    /// Closes the connection when nobody holds the subscription any more.
    final class Handle: Sendable {
        let feed: LoopBound<SubscriptionFeed>
        let buffer: MessageBuffer
        /// Keeps the loop's thread.
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

    /// Reads the messages one after the other. It holds none itself, so what it has not returned the next iterator
    /// does.
    public struct Iterator: AsyncIteratorProtocol {
        let handle: Handle

        init(handle: Handle) { self.handle = handle }

        /// The next message; `nil` after ``Subscription/close()``.
        public mutating func next() async throws(MQError) -> Message? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MQError) -> Message? {
            if let message = handle.buffer.takeReady() { return message }
            let handle = handle
            return try await handle.buffer.next { handle.resumeReading() }
        }

        /// All messages that have arrived, at least one; `nil` after ``Subscription/close()``. For consumers that handle
        /// many at a time.
        public mutating func nextBatch() async throws(MQError) -> [Message]? {
            let handle = handle
            return try await handle.buffer.nextBatch { handle.resumeReading() }
        }
    }

    /// Reports to the server that everything up to and including `offset` is done: a later subscription with the same
    /// id and ``MQClient/StartPosition/committed`` begins after it. Returns when the server has stored it in the sense
    /// of its sync policy.
    ///
    /// It is a position in the log of the message with that offset that was taken last from this subscription; if none
    /// was, in the log that the server has when it is first sent. If the server has another log by then, nothing is
    /// committed: ``MQError/Code/otherLog``. A consumer that commits long after taking a message, while others are
    /// taken, passes ``Message/position`` instead.
    public func commit(through offset: Int64) async throws(MQError) {
        try await handle.commit(offset, log: handle.buffer.log(of: offset))
    }

    /// The same, for exactly this message of this log.
    public func commit(through position: LogPosition) async throws(MQError) {
        try await handle.commit(position.offset, log: position.tag.isKnown ? position.tag : nil)
    }

    /// Takes nothing more from the server, and gives up the id. The iteration gives what had arrived, and ends.
    ///
    /// Commits stay possible until the subscription is released or its client closed: over the connection, which is
    /// kept for that, or over a new one.
    public func close() {
        let feed = handle.feed
        handle.client.loop.execute { feed.value.endDelivery() }
    }
}
