import Synchronization
import TelemetryNet

/// A client of an ``MQServer``: publishes, and subscribes.
///
/// It connects when it is first used, and again, with backoff, whenever the connection breaks. One thread of its own does
/// the input and output; every method may be called from any number of tasks at once. Close it when it is not needed any
/// more, or use ``withClient(_:_:)``.
public final class MQClient: Sendable {
    /// All that a client can be told. Every member has a default.
    public struct Configuration: Sendable {
        /// Name or address of the server. Default: `"127.0.0.1"`.
        public var host = "127.0.0.1"
        /// TCP port of the server. Default: 9000.
        public var port = 9000
        /// Names this client to the server, and in the ids of its messages' producer. Default: `"client"`.
        public var clientID = "client"
        /// What the server asks for, where it asks for a token. Default: `nil`.
        public var token: String?
        /// How long one attempt may take, from resolving the name to the server's greeting. Default: 5 s.
        public var connectTimeout = Duration.seconds(5)
        /// The time from a broken connection to the first attempt; each further one waits twice as long.
        /// Default: 100 ms.
        public var initialBackoff = Duration.milliseconds(100)
        /// The longest time between two attempts. Default: 5 s.
        public var maxBackoff = Duration.seconds(5)
        /// A peer that is silent for twice this time is given up; `nil` waits for the system to notice.
        /// Default: 10 s.
        public var keepaliveInterval: Duration? = .seconds(10)
        /// The largest frame that is sent, and with the room for a message's envelope, that is accepted.
        /// Default: 16 MiB.
        public var maxFrameBytes = 16 << 20
        /// A subscription reads no more from its socket while so many bytes wait for the consumer. Default: 4 MiB.
        public var receiveBufferBytes = 4 << 20
        /// Receives what happens to the client's connections and subscriptions. Called on the client's thread: it must
        /// return soon. Default: does nothing.
        public var onEvent: @Sendable (Event) -> Void = { _ in }

        /// The defaults.
        public init() {}

        /// The defaults, with the server's name or address and its TCP port.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// What the client was made with.
    public let configuration: Configuration
    let loop: EventLoop
    private let publisher: Mutex<LoopBound<Publisher>?>
    let registry: LoopBound<SubscriptionRegistry>
    private let closed = Promise<Void>()

    /// Connects to nothing yet. Throws ``MQError/Code/noResources`` if the system gives no thread or no descriptor for
    /// the client.
    public convenience init(configuration: Configuration = Configuration()) throws(MQError) {
        try self.init(configuration: configuration) { try EventLoop.start(name: "mq-client") }
    }

    init(configuration: Configuration, startLoop: () throws -> EventLoop) throws(MQError) {
        self.configuration = configuration
        ignoreBrokenPipeSignal()
        do {
            loop = try startLoop()
        } catch {
            throw MQError(.noResources, "client \(configuration.clientID): no thread for it: \(error)")
        }
        publisher = Mutex(LoopBound(Publisher(configuration: configuration, loop: loop), to: loop))
        registry = LoopBound(SubscriptionRegistry(configuration: configuration, loop: loop), to: loop)
    }

    deinit { loop.stop() }

    /// Runs the body with a client, where the caller runs, and closes it when the body is left, however.
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

    /// Appends one message to the log and returns its offset, when it is stored in the sense of the server's sync policy.
    ///
    /// Waits while there is no connection. A publish whose answer was lost is sent again and stored once.
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

    /// Appends several messages by one frame and returns their offsets, which rise.
    ///
    /// The offsets follow each other, but where the server ended in the middle of the write: then those that had reached
    /// the log keep their offsets, and the rest is stored behind what came since.
    @discardableResult
    public func publish(_ payloads: [[UInt8]]) async throws(MQError) -> [Int64] {
        guard !payloads.isEmpty else { throw MQError(.invalidPayload, "no payload to publish") }
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

    /// The members beside the payloads take less than what is left out.
    var maxPayloadBytes: Int { max(0, configuration.maxFrameBytes.subtractingClamped(512)) }

    private func checkSize(_ size: Int) throws(MQError) {
        guard size <= maxPayloadBytes else {
            throw MQError(.invalidPayload, "payloads of \(size) bytes; a frame holds \(maxPayloadBytes)")
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
            throw MQError(.protocolViolation, "\(peer): an answer to a publish without its offset")
        }
        return offsets
    }

    var peer: String { "\(configuration.host):\(configuration.port)" }

    /// What the server says of itself: the JSON object that `/stats` gives.
    public func statistics() async throws(MQError) -> [UInt8] {
        try await ask { $0.member("type", "get_stats") }
    }

    /// Returns the payload of the response to a request, which may be sent again without harm.
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

    /// A subscription on a connection of its own, made when the iteration begins.
    ///
    /// - Parameters:
    ///   - id: names the subscriber to the server; a second subscription with the same id takes over from the first
    ///     when it is iterated. Without one a random id is made, which cannot be resumed by its committed position.
    ///   - start: where it begins.
    ///   - otherLog: what it does when the server has another log than the one it has read.
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
    /// 1. From the call on nothing new begins: a publish, a question for the statistics and the iteration of a new
    ///    subscription throw ``MQError/Code/closed``.
    /// 2. Subscriptions take nothing more from the server. Their iteration gives what had arrived, and ends. Committing
    ///    goes on.
    /// 3. Publishes and commits that are under way are answered, and the subscriptions are released: their loops have
    ///    ended and nobody holds them. This is waited for, `limit` at most.
    /// 4. The connections are closed. What is unanswered throws ``MQError/Code/closed``, and so does a commit from now
    ///    on; messages that had arrived can still be read.
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
