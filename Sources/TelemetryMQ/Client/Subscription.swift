import TelemetryNet

/// The messages of a log from a position on: every one, in order, once, over any number of broken connections.
///
/// One task iterates it, once. While the consumer is slower than the log, the socket is not read, so the server keeps what
/// is not consumed. The connection is closed when the subscription and its iterator are gone, or by ``close()``.
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

        init(client: MQClient, id: String, start: MQClient.StartPosition) {
            self.client = client
            let loop = client.loop
            buffer = MessageBuffer(limit: client.configuration.receiveBufferBytes)
            feed = LoopBound(
                SubscriptionFeed(id: id, start: start, configuration: client.configuration, loop: loop, buffer: buffer), to: loop)
        }

        func take() async throws(MQError) -> [Message]? {
            try await buffer.take { [client, feed] in client.loop.execute { feed.value.resumeReading() } }
        }

        deinit {
            let feed = feed
            client.loop.execute { feed.value.close() }
        }
    }

    init(client: MQClient, id: String, start: MQClient.StartPosition) {
        self.id = id
        handle = Handle(client: client, id: id, start: start)
    }

    public func makeAsyncIterator() -> Iterator {
        let feed = handle.feed
        handle.client.loop.execute { feed.value.open() }
        return Iterator(handle: handle)
    }

    /// Reads the messages one after the other; one task owns it.
    public struct Iterator: AsyncIteratorProtocol {
        let handle: Handle
        private var batch: [Message] = []
        private var index = 0

        init(handle: Handle) { self.handle = handle }

        /// The next message; `nil` after ``Subscription/close()``.
        public mutating func next() async throws(MQError) -> Message? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(MQError) -> Message? {
            if index == batch.count {
                let handle = handle
                guard let taken = try await handle.take() else { return nil }
                batch = taken
                index = 0
            }
            defer { index += 1 }
            return batch[index]
        }

        /// All messages that have arrived, at least one; `nil` after ``Subscription/close()``. For consumers that handle
        /// many at a time.
        public mutating func nextBatch() async throws(MQError) -> [Message]? {
            if index < batch.count {
                defer { batch = [] }
                let rest = Array(batch[index...])
                index = 0
                return rest
            }
            return try await handle.take()
        }
    }

    /// Tells the server that everything up to and including `offset` is done: a later subscription with the same id and
    /// ``MQClient/StartPosition/committed`` begins behind it. Returns when the server has stored it in the sense of its
    /// sync policy.
    public func commit(through offset: Int64) async throws(MQError) {
        let feed = handle.feed
        let call = Call<Bool>()
        _ = try await call.run(on: handle.client.loop) { finish in
            feed.value.commit(offset) { finish($0.map { true }) }
        } cancel: { number in
            feed.value.cancelCommit(number)
        }
    }

    /// Ends the iteration, behind what has arrived.
    public func close() {
        let feed = handle.feed
        handle.client.loop.execute { feed.value.close() }
    }
}
