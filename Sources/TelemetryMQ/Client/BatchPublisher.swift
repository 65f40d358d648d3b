import Synchronization
import TelemetryIO
import TelemetryMQProtocol

/// Collects messages into large frames and keeps many frames in flight: the fast way to publish.
///
/// Created by ``MQClient/withPublisher(_:_:)``. Its methods may be called from any number of tasks at once; the
/// messages of one task keep their order. It runs no task of its own.
public final class BatchPublisher: Sendable {
    /// The options of a publisher.
    public struct Configuration: Sendable {
        /// The maximum size of a frame's payloads in bytes; a full frame is sent at once. Limited by the client's
        /// ``MQClient/Configuration/maxFrameBytes``. Default: 256 KiB.
        public var maxBatchBytes = 256 << 10
        /// The maximum number of messages per frame; a full frame is sent at once. Default: 1,000.
        public var maxBatchMessages = 1000
        /// The maximum time for which a message waits for others to share its frame. Default: 5 ms.
        public var linger = Duration.milliseconds(5)
        /// The maximum total size in bytes of messages that are accepted and unacknowledged, and so of the payload
        /// memory used. Default: 8 MiB.
        public var bufferBytes = 8 << 20
        /// The behaviour of publishing while the buffer is full. Default: `WhenFull.wait`.
        public var whenFull = WhenFull.wait

        /// Creates a configuration with the default values.
        public init() {}
    }

    /// The behaviour of ``publish(_:)-([UInt8])`` while the buffer is full.
    public enum WhenFull: Sendable, Hashable {
        /// Waits for space, in the order of the calls.
        case wait
        /// Throws ``MQError/Code/bufferFull`` at once.
        case fail
    }

    /// A future offset of a message.
    public struct Receipt: Sendable {
        fileprivate let batch: BatchBuffer.Batch
        fileprivate let index: Int

        /// The message's offset, once it is stored as defined by the server's sync policy; throws if it could not be
        /// stored. Ends at once when the task is cancelled: the message may or may not be stored.
        public var offset: Int64 {
            get async throws(MQError) { try await batch.offsets.value()[index] }
        }
    }

    private struct State {
        var buffer: BatchBuffer
        /// The cancellable requests of the batches in flight.
        var requests: [Int: Int64] = [:]
        /// The first failure since the last flush.
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

    /// Accepts one message, and returns once it is in the buffer. ``Receipt/offset`` returns once it is stored, and
    /// ``flush()`` once all are.
    ///
    /// Throws if the payload is not valid JSON (RFC 8259) or too large, if the buffer is full and the configuration is
    /// `.fail`, and if the task is cancelled while it waits: then the message is not published.
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

    /// Called with the state locked, so that batches reach the loop in order.
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
                if let number, state.buffer.isOpen(outgoing.batch.number) {
                    state.requests[outgoing.batch.number] = number
                }
                return state.isClosed
            }
            // Abandoned meanwhile.
            if isClosed, let number { publisher.value.cancel(number) }
        }
    }

    private func answered(_ outgoing: BatchBuffer.Outgoing, _ result: Result<ServerFrame.Answer, MQError>) {
        var offsets = Result { () throws(MQError) in
            try client.offsets(of: result.get(), count: outgoing.payloads.count)
        }
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

    /// Sends the messages collected so far, and returns when all that were accepted before are stored. Throws the first
    /// failure since the last flush; the receipts show which messages it concerns.
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

    /// Accepts no more messages, and abandons those that are unacknowledged: they may or may not be stored.
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
            "\(client.peer): the publisher's buffer is full: \(buffer.messageCount) messages are unacknowledged, with \(buffer.byteCount) of \(configuration.bufferBytes) bytes"
        )
    }
}

extension MQClient {
    /// Runs the body, in the caller's isolation, with a publisher that collects messages into frames.
    ///
    /// When the body returns, this sends everything that it published and waits until it is stored; if one of the
    /// messages could not be stored, it throws. When the body throws, unacknowledged messages are abandoned.
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
