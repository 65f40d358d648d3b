import Synchronization
import TelemetryMQProtocol
import TelemetryNet

/// Gathers messages into frames of many, and keeps many frames on their way: the fast way to publish.
///
/// Made by ``MQClient/withPublisher(_:_:)``. Its methods may be called from any number of tasks at once; the messages of one
/// task keep their order. It runs no task of its own.
public final class BatchPublisher: Sendable {
    /// All that a publisher can be told. Every member has a default.
    public struct Configuration: Sendable {
        /// A frame is sent when its payloads have so many bytes; less where the client's ``MQClient/Configuration/maxFrameBytes``
        /// is less. Default: 256 KiB.
        public var maxBatchBytes = 256 << 10
        /// A frame is sent when it has so many messages. Default: 1,000.
        public var maxBatchMessages = 1000
        /// How long a message waits for others to share its frame. Default: 5 ms.
        public var linger = Duration.milliseconds(5)
        /// Bytes that are accepted and not answered: all the memory that payloads take here. Default: 8 MiB.
        public var bufferBytes = 8 << 20
        /// What a publish does while the buffer is full. Default: `WhenFull.wait`.
        public var whenFull = WhenFull.wait

        /// The defaults.
        public init() {}
    }

    /// What ``publish(_:)-([UInt8])`` does while the buffer is full.
    public enum WhenFull: Sendable, Hashable {
        /// Waits for room, in the order of the calls.
        case wait
        /// Throws ``MQError/Code/bufferFull`` at once.
        case fail
    }

    /// The promise of an offset.
    public struct Receipt: Sendable {
        fileprivate let batch: BatchBuffer.Batch
        fileprivate let index: Int

        /// The message's offset, when it is stored in the sense of the server's sync policy; throws why it is not. Ends at once
        /// when the task is cancelled: the message may be stored or not.
        public var offset: Int64 {
            get async throws(MQError) { try await batch.offsets.value()[index] }
        }
    }

    private struct State {
        var buffer: BatchBuffer
        /// What can be cancelled, of each batch on its way.
        var requests: [Int: Int64] = [:]
        /// Since the last flush.
        var firstFailure: MQError?
        var flushes: [(through: Int, done: Promise<Void>)] = []
        var isClosed = false
    }

    private let client: MQClient
    private let publisher: LoopBound<Publisher>
    private let configuration: Configuration
    private let state: Mutex<State>

    init(client: MQClient, publisher: LoopBound<Publisher>, configuration: Configuration) {
        self.client = client
        self.publisher = publisher
        self.configuration = configuration
        state = Mutex(
            State(
                buffer: BatchBuffer(
                    maxBytes: max(1, min(configuration.maxBatchBytes, client.maxPayloadBytes / 2)),
                    maxMessages: min(max(1, configuration.maxBatchMessages), RequestParser.maxPayloads),
                    bufferBytes: max(1, configuration.bufferBytes))))
    }

    // MARK: Publishing

    /// Accepts one message, and returns once it is in the buffer: ``Receipt/offset`` tells when it is stored, and
    /// ``flush()`` when all are.
    ///
    /// Throws where the payload is not JSON (RFC 8259) or too large, where the buffer is full and the configuration says
    /// `.fail`, and where the task is cancelled while it waits: then the message is not published.
    @discardableResult
    public func publish(_ payload: [UInt8]) async throws(MQError) -> Receipt {
        try client.check(payload, 0)
        let ticket = Promise<Void>()
        let receipt = try state.withLock { state throws(MQError) -> Receipt? in
            if state.isClosed { throw closedError }
            if let acceptance = state.buffer.accept(payload) { return take(acceptance) }
            guard configuration.whenFull == .wait else { throw fullError(state.buffer) }
            state.buffer.queue(ticket, byteCount: payload.count)
            return nil
        }
        if let receipt { return receipt }
        do {
            try await ticket.value()
        } catch {
            let next = state.withLock { $0.buffer.withdraw(ticket, byteCount: payload.count) }
            for ticket in next { ticket.complete(.success(())) }
            throw error
        }
        return try state.withLock { state throws(MQError) in
            if state.isClosed { throw closedError }
            return take(state.buffer.acceptGranted(payload))
        }
    }

    /// Accepts one message, given as JSON text.
    @discardableResult
    public func publish(_ payload: String) async throws(MQError) -> Receipt {
        try await publish(Array(payload.utf8))
    }

    /// Called with the state locked, so that batches reach the loop in their order.
    private func take(_ acceptance: BatchBuffer.Acceptance) -> Receipt {
        for batch in acceptance.outgoing { post(batch) }
        if let begun = acceptance.begun {
            let (loop, linger) = (client.loop, configuration.linger)
            loop.execute { [weak self] in
                loop.schedule(after: linger) { [weak self] in self?.lingerIsOver(begun) }
            }
        }
        return Receipt(batch: acceptance.batch, index: acceptance.index)
    }

    private func lingerIsOver(_ batch: BatchBuffer.Batch) {
        state.withLock { state in
            for due in state.buffer.takeGathered(number: batch.number) { post(due) }
        }
    }

    private func post(_ outgoing: BatchBuffer.Outgoing) {
        client.loop.execute { [self] in
            let number = publisher.value.publish(outgoing.payloads, isMany: true) { [self] result in
                answered(outgoing, result)
            }
            let isClosed = state.withLock { state in
                if let number, state.buffer.isOpen(outgoing.batch.number) { state.requests[outgoing.batch.number] = number }
                return state.isClosed
            }
            // Abandoned meanwhile.
            if isClosed, let number { publisher.value.cancel(number) }
        }
    }

    private func answered(_ outgoing: BatchBuffer.Outgoing, _ result: Result<ServerFrame.Answer, MQError>) {
        var offsets = Result { () throws(MQError) in try client.offsets(of: result.get(), count: outgoing.payloads.count) }
        if case .failure(let error) = offsets, error.code == .cancelled { offsets = .failure(closedError) }
        outgoing.batch.offsets.complete(offsets)
        let (tickets, flushes) = state.withLock { state in
            state.requests[outgoing.batch.number] = nil
            if case .failure(let error) = offsets, state.firstFailure == nil { state.firstFailure = error }
            let tickets = state.buffer.finish(outgoing)
            let done = state.flushes.filter { state.buffer.isFinished(through: $0.through) }
            state.flushes.removeAll { state.buffer.isFinished(through: $0.through) }
            return (tickets, done.map(\.done))
        }
        for ticket in tickets { ticket.complete(.success(())) }
        for flush in flushes { flush.complete(.success(())) }
    }

    // MARK: Ending

    /// Sends what is gathered, and returns when all that was accepted before is stored. Throws the first failure since the
    /// last flush; the receipts tell which messages it is of.
    public func flush() async throws(MQError) {
        let done = Promise<Void>()
        state.withLock { state in
            for batch in state.buffer.takeGathered() { post(batch) }
            let newest = state.buffer.newest
            if state.buffer.isFinished(through: newest) {
                done.complete(.success(()))
            } else {
                state.flushes.append((newest, done))
            }
        }
        do {
            try await done.value()
        } catch {
            state.withLock { state in state.flushes.removeAll { $0.done === done } }
            throw error
        }
        let failure = state.withLock { state in
            defer { state.firstFailure = nil }
            return state.firstFailure
        }
        if let failure { throw failure }
    }

    /// Takes no more, and gives up what is not answered: it may be stored or not.
    func close() {
        let (tickets, gathered, requests) = state.withLock { state in
            state.isClosed = true
            defer { state.requests = [:] }
            return (state.buffer.takeWaiting(), state.buffer.takeGathered(), state.requests)
        }
        for ticket in tickets { ticket.complete(.failure(closedError)) }
        for batch in gathered { answered(batch, .failure(closedError)) }
        client.loop.execute { [publisher] in
            for number in requests.values.sorted() { publisher.value.cancel(number) }
        }
    }

    private var closedError: MQError { MQError(.closed, "\(client.peer): the publisher is closed") }

    private func fullError(_ buffer: BatchBuffer) -> MQError {
        MQError(
            .bufferFull,
            "\(client.peer): the publisher's buffer is full: \(buffer.messageCount) messages wait for their answers, with \(buffer.byteCount) of \(configuration.bufferBytes) bytes")
    }
}

extension MQClient {
    /// Runs the body, where the caller runs, with a publisher that gathers messages into frames.
    ///
    /// When the body returns, everything that it published is sent and waited for; where one of the messages could not be stored,
    /// that is thrown. When the body throws, what is not answered is given up.
    public nonisolated(nonsending) func withPublisher<R: Sendable>(
        _ configuration: BatchPublisher.Configuration = .init(), _ body: (BatchPublisher) async throws -> R
    ) async throws -> R {
        let publisher = BatchPublisher(client: self, publisher: try openPublisher(), configuration: configuration)
        defer { publisher.close() }
        let result = try await body(publisher)
        try await publisher.flush()
        return result
    }
}
