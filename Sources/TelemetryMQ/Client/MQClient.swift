import Synchronization
import TelemetryBase
import TelemetryIO

/// A client of an ``MQServer``: publishes, and subscribes.
///
/// It connects on first use, and reconnects, with backoff, whenever the connection breaks. A thread of its own performs
/// the I/O; every method may be called from any number of tasks at once. Close it when it is no longer needed, or use
/// ``withClient(_:_:)``.
public final class MQClient: Sendable {
    /// The options of a client.
    public struct Configuration: Sendable {
        /// The name or address of the server. Default: `"127.0.0.1"`.
        public var host = "127.0.0.1"
        /// The TCP port of the server. Default: 9000.
        public var port = 9000
        /// The name of this client; it is sent to the server and is part of the producer id of its messages. Default:
        /// `"client"`.
        public var clientID = "client"
        /// The token, if the server requires one. Default: `nil`.
        public var token: String?
        /// The maximum time of one connection attempt, from resolving the name to the server's greeting. Default: 5 s.
        public var connectTimeout = Duration.seconds(5)
        /// The time from a broken connection to the first attempt; it doubles with each further attempt. Default: 100
        /// ms.
        public var initialBackoff = Duration.milliseconds(100)
        /// The longest time between two attempts. Default: 5 s.
        public var maxBackoff = Duration.seconds(5)
        /// The keepalive interval: a connection without data for twice this time is closed; `nil` relies on the system
        /// to detect a lost connection. Default: 10 s.
        public var keepaliveInterval: Duration? = .seconds(10)
        /// The maximum size in bytes of a frame that is sent, and, plus the size of a message's envelope, of one that
        /// is accepted. Default: 16 MiB.
        public var maxFrameBytes = 16 << 20
        /// The maximum number of bytes that a subscription buffers for its consumer; beyond it, its socket is not read.
        /// Default: 4 MiB.
        public var receiveBufferBytes = 4 << 20
        /// Receives the events of the client's connections and subscriptions. Called on the client's thread: it must
        /// return quickly. Default: does nothing.
        public var onEvent: @Sendable (Event) -> Void = { _ in }

        /// Creates a configuration with the default values.
        public init() {}

        /// Creates a configuration with the server's name or address and its TCP port, and defaults for the rest.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// The configuration that the client was created with.
    public let configuration: Configuration
    let loop: EventLoop
    private let publisher: Mutex<LoopBound<Publisher>?>
    let registry: LoopBound<SubscriptionRegistry>
    private let closed = Promise<Void>()

    /// Creates a client without connecting. Throws ``MQError/Code/noResources`` if the system provides no thread or no
    /// descriptor for the client.
    public convenience init(configuration: Configuration = Configuration()) throws(MQError) {
        try self.init(configuration: configuration) { try EventLoop.start(name: "mq-client") }
    }

    init(configuration: Configuration, startLoop: () throws -> EventLoop) throws(MQError) {
        self.configuration = configuration
        ignoreBrokenPipeSignal()
        do {
            loop = try startLoop()
        } catch {
            throw MQError(.noResources, "client \(configuration.clientID): cannot start a thread: \(error)")
        }
        publisher = Mutex(LoopBound(Publisher(configuration: configuration, loop: loop), to: loop))
        registry = LoopBound(SubscriptionRegistry(configuration: configuration, loop: loop), to: loop)
    }

    deinit { loop.stop() }

    /// The version of this package: `0.1.0`.
    public static let version = packageVersion

    /// Runs the body with a client, in the caller's isolation, and closes it when the body returns or throws.
    public nonisolated(nonsending) static func withClient<R: Sendable>(
        _ configuration: Configuration = Configuration(), _ body: (MQClient) async throws -> R
    ) async throws -> R {
        let client = try MQClient(configuration: configuration)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close(within: .zero)
            throw error
        }
    }

    // MARK: Publishing

    /// Appends one message to the log and returns its offset once it is stored as defined by the server's sync policy.
    ///
    /// Waits while there is no connection. A publish whose response was lost is sent again and stored once.
    @discardableResult
    public func publish(_ payload: [UInt8]) async throws(MQError) -> Int64 {
        try check(payload, 0)
        return try await send([payload], isMany: false)[0]
    }

    /// Appends one message, given as JSON text.
    @discardableResult
    public func publish(_ payload: String) async throws(MQError) -> Int64 {
        try await publish(Array(payload.utf8))
    }

    /// Appends several messages in one frame and returns their offsets, in ascending order.
    ///
    /// The offsets are consecutive unless the server stopped in the middle of the write: then the messages that had
    /// reached the log keep their offsets, and the rest is stored after the messages that arrived since.
    @discardableResult
    public func publish(_ payloads: [[UInt8]]) async throws(MQError) -> [Int64] {
        guard !payloads.isEmpty else { throw MQError(.invalidPayload, "there is no payload to publish") }
        for (index, payload) in payloads.enumerated() { try check(payload, index) }
        let size = payloads.reduce(0) { $0 + $1.count + 1 }
        try checkSize(size)
        return try await send(payloads, isMany: true)
    }

    func check(_ payload: [UInt8], _ index: Int) throws(MQError) {
        if let error = payload.withUnsafeBytes({ JSON.validate($0) }) {
            throw MQError(.invalidPayload, "payload \(index) is not JSON: \(error)")
        }
        try checkSize(payload.count)
    }

    /// The members other than the payloads need less than the space left free here.
    var maxPayloadBytes: Int { max(0, configuration.maxFrameBytes.subtractingClamped(512)) }

    private func checkSize(_ size: Int) throws(MQError) {
        guard size <= maxPayloadBytes else {
            throw MQError(.invalidPayload, "the payloads have \(size) bytes; the limit per frame is \(maxPayloadBytes)")
        }
    }

    private func send(_ payloads: [[UInt8]], isMany: Bool) async throws(MQError) -> [Int64] {
        let publisher = try openPublisher()
        let call = Call<ServerFrame.Answer>()
        let answer = try await call.run(on: loop) { finish in
            publisher.value.publish(payloads, isMany: isMany, finish)
        } cancel: { number in
            publisher.value.cancel(number)
        }
        return try offsets(of: answer, count: payloads.count)
    }

    func offsets(of answer: ServerFrame.Answer, count: Int) throws(MQError) -> [Int64] {
        let following = answer.offset.flatMap { first in
            first.addingReportingOverflow(Int64(count)).overflow ? nil : Array(first..<first + Int64(count))
        }
        let offsets = answer.offsets ?? following
        guard let offsets, offsets.count == count else {
            throw MQError(.protocolViolation, "\(peer): a response to a publish without its offset")
        }
        return offsets
    }

    var peer: String { "\(configuration.host):\(configuration.port)" }

    /// Returns the server's statistics: the JSON object that `/stats` returns.
    public func statistics() async throws(MQError) -> [UInt8] {
        try await ask { $0.member("type", "get_stats") }
    }

    /// Returns the payload of the response to a request that may safely be repeated.
    ///
    /// `request`: writes the members of its JSON object, without the `request_id`.
    func ask(_ request: @escaping Publisher.RequestMembers) async throws(MQError) -> [UInt8] {
        let publisher = try openPublisher()
        let call = Call<[UInt8]>()
        return try await call.run(on: loop) { finish in
            publisher.value.ask(request, finish)
        } cancel: { number in
            publisher.value.cancelQuestion(number)
        }
    }

    func openPublisher() throws(MQError) -> LoopBound<Publisher> {
        guard let publisher = publisher.withLock({ $0 }) else {
            throw MQError(.closed, "\(peer): the client is closed")
        }
        return publisher
    }

    // MARK: Subscribing

    /// Creates a subscription on a connection of its own, which is opened when the iteration begins.
    ///
    /// - Parameters:
    ///   - id: Identifies the subscriber to the server; a second subscription with the same id takes over from the
    ///     first when it is iterated. Without it, a random id is generated, which cannot be resumed by its committed
    ///     position.
    ///   - start: The start position.
    ///   - otherLog: The behaviour if the server has another log than the one the subscription has read.
    ///
    /// Iterating a subscription of a client that is closed throws ``MQError/Code/closed``.
    public func subscribe(
        id: String? = nil, from start: StartPosition = .latest, onOtherLog otherLog: OtherLogPolicy = .startAtOldest
    ) -> Subscription {
        let id = id ?? configuration.clientID + "-" + String(UInt64.random(in: .min ... .max), radix: 36)
        return Subscription(client: self, id: id, start: start, policy: otherLog)
    }

    // MARK: Ending

    /// Closes the client in this order:
    ///
    /// 1. From the call on, nothing new begins: publishing, requesting statistics and iterating a new subscription
    /// throw ``MQError/Code/closed``.
    /// 2. Subscriptions accept no more messages from the server. Their iteration returns those that had arrived, and
    /// ends. Commits are still possible.
    /// 3. Publishes and commits in progress are completed, and the subscriptions are released: their loops have ended
    /// and they are no longer referenced. This waits for at most `limit`.
    /// 4. The connections are closed. Unacknowledged requests throw ``MQError/Code/closed``, and so do later commits;
    /// messages that had arrived can still be read.
    ///
    /// A second call waits for the first.
    public func close(within limit: Duration = .seconds(5)) async {
        let publisher = publisher.withLock { current in
            defer { current = nil }
            return current
        }
        guard let publisher else {
            _ = try? await closed.value()
            return
        }
        let registry = registry
        await loop.performUntilDone { done in
            registry.value.close(within: limit) { publisher.value.close(within: limit, done: done) }
        }
        closed.complete(.success(()))
    }
}
