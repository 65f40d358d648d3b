import TelemetryIO
import TelemetryMQProtocol

/// The loop's part of a subscription: keeps it alive across connections, checks the messages that arrive, and fills the
/// buffer.
final class SubscriptionFeed: LinkUser {
    private enum Phase {
        /// Not iterated yet: it may commit, and does not take the id from the subscriber that reads under it.
        case unopened
        case running
        /// No further messages are delivered; those that had arrived can be committed.
        case ended
        /// Commits are refused too, for that reason.
        case closed(MQError)
    }

    typealias CommitWaiter = (Result<Void, MQError>) -> Void

    private let id: String
    private let configuration: MQClient.Configuration
    private let loop: EventLoop
    private let buffer: MessageBuffer
    private let boundRegistry: LoopBound<SubscriptionRegistry>
    private var link: Link!
    private var phase = Phase.unopened
    private var point: ResumePoint
    /// The subscribe request that the next response with id 1 is for.
    private var isSubscribing = false
    /// Connected, but not subscribed until the buffer has space.
    private var waitsForConsumer = false
    /// Until then the id is left to its present subscriber.
    private var takeoverTimer: TimerID?
    private var commits = CommitQueue<CommitWaiter>()

    init(
        id: String, start: MQClient.StartPosition, policy: MQClient.OtherLogPolicy,
        configuration: MQClient.Configuration, registry: LoopBound<SubscriptionRegistry>, loop: EventLoop,
        buffer: MessageBuffer
    ) {
        self.id = id
        self.configuration = configuration
        boundRegistry = registry
        self.loop = loop
        self.buffer = buffer
        point = ResumePoint(start: start, policy: policy)
        link = Link(configuration: configuration, subscription: id, loop: loop, user: self)
    }

    private var registry: SubscriptionRegistry { boundRegistry.value }
    private var isRunning: Bool { if case .running = phase { true } else { false } }

    /// An iteration begins; a second one continues the first.
    func open() {
        guard case .unopened = phase else { return }
        guard !registry.isClosing else { return shutDown(registry.closedError) }
        registry.add(self)
        phase = .running
        let delay = registry.delay(id)
        if delay > .zero { waitForTakeover(delay, "another subscriber has taken it over a moment ago") }
        link.open()
        if link.isReady { subscribe() }
    }

    func resumeReading() {
        if waitsForConsumer, link.isReady { subscribe() }
        link.resumeReading()
    }

    // MARK: Ending

    /// Stops receiving from the server. Messages that have arrived are still delivered, and can be committed.
    func endDelivery() {
        switch phase {
        case .unopened:
            guard !registry.isClosing else { return shutDown(registry.closedError) }
            registry.add(self)
            stopDelivery(nil)
        case .running:
            stopDelivery(nil)
            // Bytes in transit are read and discarded, except the responses to commits.
            link.resumeReading()
            if link.isReady { link.send(Array(#"{"type":"unsubscribe","request_id":0}"#.utf8)) } else { restIfIdle() }
        case .ended, .closed: break
        }
    }

    /// Refuses all further calls, and closes the connection.
    func shutDown(_ error: MQError) {
        if case .closed = phase { return }
        // The consumer still receives the earlier reason for the end.
        var failure: MQError?
        if case .unopened = phase { failure = error }
        stopDelivery(failure, isReported: false)
        phase = .closed(error)
        link.close()
        for waiter in commits.takeAll() { waiter(.failure(error)) }
        registry.remove(self)
    }

    /// The subscription was released.
    func release() { shutDown(closedError) }

    private var closedError: MQError { MQError(.closed, "\(link.peer): the subscription \(id) is closed") }

    private func stopDelivery(_ failure: MQError?, isReported: Bool = true) {
        phase = .ended
        isSubscribing = false
        waitsForConsumer = false
        if let takeoverTimer { loop.cancel(takeoverTimer) }
        takeoverTimer = nil
        buffer.finish(failure)
        if isReported, let failure { configuration.onEvent(.subscriptionFailed(id: id, failure)) }
    }

    /// Ends delivery with an error. Commits stay possible, unless another subscriber has the id now or the server
    /// refuses this client.
    private func fail(_ error: MQError) {
        guard isRunning else { return }
        if error.code == .superseded { registry.superseded(id) }
        stopDelivery(error)
        if error.code == .superseded || error.code == .unauthorized { return shutDown(error) }
        // The stream can no longer be trusted: commits use a new connection.
        link.rest()
        if !commits.isEmpty { link.open() }
    }

    /// A connection that serves neither an iteration nor a commit is not opened again.
    private func restIfIdle() {
        if !isRunning, commits.isEmpty { link.rest() }
    }

    // MARK: Requests

    func linkIsReady() {
        if isRunning { subscribe() }
        for commit in commits.stampAll(with: link.log) { send(commit) }
    }

    private func subscribe() {
        guard isRunning, !isSubscribing, takeoverTimer == nil else { return }
        // Otherwise the buffer would grow with each connection that breaks while nothing is consumed.
        waitsForConsumer = buffer.isPaused
        guard !waitsForConsumer else { return }
        isSubscribing = true
        link.send { output in
            output.appendJSON { json in
                json.object {
                    $0.member("type", "subscribe")
                    $0.member("request_id", 1)
                    $0.member("subscriber_id", id)
                    point.appendStart(to: &$0)
                }
            }
        }
    }

    private func waitForTakeover(_ delay: Duration, _ reason: String) {
        configuration.onEvent(.subscriptionDelayed(id: id, reason: reason, retryAfter: delay))
        takeoverTimer = loop.schedule(after: delay) { [weak self] in
            guard let self else { return }
            takeoverTimer = nil
            if link.isReady { subscribe() }
        }
    }

    /// - Parameter log: The log of the message; `nil` if the caller does not know it.
    func commit(_ offset: Int64, log: LogTag?, _ waiter: @escaping CommitWaiter) -> Int64? {
        if case .closed(let error) = phase {
            waiter(.failure(error))
            return nil
        }
        if case .unopened = phase {
            guard !registry.isClosing else {
                waiter(.failure(registry.closedError))
                return nil
            }
            registry.add(self)
        }
        let number = commits.add(offset, log: log, waiter)
        link.open()
        if link.isReady, let commit = commits.stamp(number, with: link.log) { send(commit) }
        return number
    }

    func cancelCommit(_ number: Int64) {
        _ = commits.finish(number)
        if !link.isReady { restIfIdle() }
    }

    private func send(_ commit: CommitQueue<CommitWaiter>.Entry) {
        link.send { output in
            output.appendJSON { json in
                json.object {
                    $0.member("type", "ack")
                    $0.member("request_id", commit.number)
                    $0.member("subscriber_id", id)
                    $0.member("offset", commit.offset)
                    $0.append(commit.log)
                }
            }
        }
    }

    // MARK: Frames

    func linkReceived(_ frames: UnsafeRawBufferPointer) -> Bool {
        // One buffer for all messages that arrived together.
        let storage = Array(frames)
        var messages: [Message] = []
        var at = 0
        var failure: MQError?
        while at < frames.count, failure == nil {
            let total = Record.totalBytes(frames.baseAddress! + at)
            do {
                let frame = UnsafeRawBufferPointer(rebasing: frames[at..<at + total])
                switch try ServerFrame.parse(frame) {
                case .message(let offset, let timestamp, let payload):
                    // Belongs to a previous subscription, or to one that has ended.
                    guard !isSubscribing, isRunning else { break }
                    switch point.receive(offset) {
                    case .deliver:
                        let start = at + Record.lengthBytes
                        messages.append(
                            Message(
                                offset: offset, microseconds: timestamp,
                                payload: storage[start + payload.lowerBound..<start + payload.upperBound],
                                log: point.log))
                    case .repeated: break
                    case .gap(let expected):
                        failure = MQError(
                            .protocolViolation, "\(link.peer): received message \(offset) instead of \(expected)")
                    case .invalid:
                        failure = MQError(
                            .protocolViolation, "\(link.peer): received a message with the invalid offset \(offset)")
                    }
                case .response(let answer): failure = handle(answer)
                case .error(let refusal): failure = handle(refusal)
                case .ping: link.send(Array(#"{"type":"pong"}"#.utf8))
                case .pong, .unknown: break
                }
            } catch {
                let last = point.nextOffset.map { "\($0 - 1)" } ?? "-1"
                failure = MQError(.corruptMessage, "\(link.peer): a damaged frame after message \(last): \(error)")
            }
            at += total
        }
        let hasRoom = messages.isEmpty || buffer.append(messages, byteCount: frames.count)
        guard let failure else { return hasRoom || !isRunning }
        if isRunning {
            fail(failure)
        } else {
            link.fail(failure.message)
        }
        return false
    }

    private func handle(_ answer: ServerFrame.Answer) -> MQError? {
        if answer.requestID == 1 {
            guard isSubscribing else { return nil }
            isSubscribing = false
            return begin(answer)
        }
        if let number = answer.requestID { commits.finish(number)?(.success(())) }
        return nil
    }

    private func begin(_ answer: ServerFrame.Answer) -> MQError? {
        let beginning = point.begins(answer)
        if let text = beginning.contradiction { return MQError(.protocolViolation, "\(link.peer): \(text)") }
        if let reset = beginning.reset {
            // A server that supports the policy has refused instead.
            if point.failsOnOtherLog { return MQError(.otherLog, "\(link.peer), subscription \(id): \(reset)") }
            configuration.onEvent(.logReset(id: id, reset))
        }
        if beginning.skipped > 0 {
            configuration.onEvent(.messagesSkipped(id: id, count: beginning.skipped, nextOffset: answer.offset ?? 0))
        }
        return nil
    }

    private func handle(_ refusal: ServerFrame.Refusal) -> MQError? {
        let text = "\(link.peer): \(refusal.text)"
        if let number = refusal.requestID, number != 1 {
            let isOtherLog = refusal.code == ErrorCode.otherLog.rawValue
            let code: MQError.Code = isOtherLog ? .otherLog : .rejected(code: refusal.code)
            commits.finish(number)?(.failure(MQError(code, text)))
            return nil
        }
        guard isRunning else { return nil }
        switch ErrorCode(rawValue: refusal.code) {
        case .offsetOutOfRange:
            guard let oldest = refusal.oldestOffset else { return nil }
            configuration.onEvent(.messagesSkipped(id: id, count: point.overtaken(oldest: oldest), nextOffset: oldest))
            return nil
        case .tooManyTakeovers:
            isSubscribing = false
            let asked = Duration.milliseconds(min(max(refusal.retryAfterMilliseconds ?? 0, 0), 60_000))
            waitForTakeover(max(asked, configuration.initialBackoff), refusal.text)
            return nil
        case .superseded: return MQError(.superseded, text)
        case .otherLog: return MQError(.otherLog, text)
        case .shuttingDown, .idleTimeout, .frameTimeout, .overloaded, .tooManyConnections: return nil
        default: return MQError(.rejected(code: refusal.code), text)
        }
    }

    func linkIsDown(_ reason: String) {
        isSubscribing = false
        waitsForConsumer = false
        restIfIdle()
    }

    func linkIsRefused(_ error: MQError) {
        for waiter in commits.takeAll() { waiter(.failure(error)) }
        fail(error)
    }
}
