import TelemetryNet

/// The loop's side of a subscription: keeps it alive over connections, checks what arrives, and fills the buffer.
final class SubscriptionFeed: LinkUser {
    private let id: String
    private let configuration: MQClient.Configuration
    private let loop: EventLoop
    private let buffer: MessageBuffer
    private var link: Link!
    private var point: ResumePoint
    /// The subscribe that the next answer with id 1 is for.
    private var isSubscribing = false
    /// Connected, but not subscribed before the buffer has room.
    private var waitsForConsumer = false
    private var commits: [(number: Int64, offset: Int64, waiter: (Result<Void, MQError>) -> Void)] = []
    private var lastNumber: Int64 = 1
    private var isClosed = false

    init(id: String, start: MQClient.StartPosition, configuration: MQClient.Configuration, loop: EventLoop, buffer: MessageBuffer) {
        self.id = id
        self.configuration = configuration
        self.loop = loop
        self.buffer = buffer
        point = ResumePoint(start: start)
        link = Link(configuration: configuration, loop: loop, user: self)
    }

    func open() {
        if !isClosed { link.open() }
    }

    func resumeReading() {
        if waitsForConsumer, link.isReady { subscribe() }
        link.resumeReading()
    }

    func close() { end(nil) }

    private func end(_ error: MQError?) {
        guard !isClosed else { return }
        isClosed = true
        link.close()
        buffer.finish(error)
        if let error { configuration.onEvent(.subscriptionFailed(id: id, error)) }
        let waiting = commits
        commits = []
        for commit in waiting { commit.waiter(.failure(error ?? MQError(.closed, "\(link.peer): the subscription \(id) is closed"))) }
    }

    // MARK: Requests

    func linkIsReady() {
        // With each connection that breaks while nobody consumes, the buffer would else grow by what it brought.
        if buffer.isPaused { waitsForConsumer = true } else { subscribe() }
        for commit in commits { send(commit.number, commit.offset) }
    }

    private func subscribe() {
        waitsForConsumer = false
        isSubscribing = true
        var request = ByteWriter()
        request.append(#"{"type":"subscribe","request_id":1,"subscriber_id":"#)
        request.appendJSONString(id)
        request.append(",")
        request.append(point.requestedStart)
        request.append("}")
        link.send(request.bytes)
    }

    func commit(_ offset: Int64, _ waiter: @escaping (Result<Void, MQError>) -> Void) -> Int64? {
        guard !isClosed else {
            waiter(.failure(MQError(.closed, "\(link.peer): the subscription \(id) is closed")))
            return nil
        }
        lastNumber += 1
        commits.append((lastNumber, offset, waiter))
        link.open()
        if link.isReady { send(lastNumber, offset) }
        return lastNumber
    }

    func cancelCommit(_ number: Int64) {
        commits.removeAll { $0.number == number }
    }

    private func send(_ number: Int64, _ offset: Int64) {
        var request = ByteWriter()
        request.append(#"{"type":"ack","request_id":"#)
        request.appendDecimal(number)
        request.append(#","subscriber_id":"#)
        request.appendJSONString(id)
        request.append(#","offset":"#)
        request.appendDecimal(offset)
        request.append("}")
        link.send(request.bytes)
    }

    // MARK: Frames

    func linkReceived(_ frames: UnsafeRawBufferPointer) -> Bool {
        // One piece of memory for all messages that arrived together.
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
                    // Of the subscription that was before this one.
                    guard !isSubscribing else { break }
                    switch point.receive(offset) {
                    case .deliver:
                        let start = at + Record.lengthBytes
                        messages.append(
                            Message(
                                offset: offset, timestamp: timestamp,
                                payload: storage[start + payload.lowerBound..<start + payload.upperBound]))
                    case .repeated: break
                    case .gap(let expected):
                        failure = MQError(.protocolViolation, "\(link.peer): message \(offset) came where \(expected) was due")
                    }
                case .response(let answer): handle(answer)
                case .error(let refusal): failure = handle(refusal)
                case .ping: link.send(Array(#"{"type":"pong"}"#.utf8))
                case .pong, .unknown: break
                }
            } catch {
                failure = MQError(
                    .corruptMessage, "\(link.peer): a damaged frame behind message \((point.nextOffset ?? 0) - 1): \(error)")
            }
            at += total
        }
        let hasRoom = messages.isEmpty || buffer.append(messages, byteCount: frames.count)
        if let failure {
            end(failure)
            return false
        }
        return hasRoom
    }

    private func handle(_ answer: ServerFrame.Answer) {
        if answer.requestID == 1 {
            isSubscribing = false
            guard let offset = answer.offset else { return }
            if answer.isLogReset { configuration.onEvent(.logReset(nextOffset: offset)) }
            if let skipped = answer.skipped, skipped > 0 { configuration.onEvent(.messagesSkipped(count: skipped, nextOffset: offset)) }
            point.begins(at: offset)
        } else if let index = commits.firstIndex(where: { $0.number == answer.requestID }) {
            commits.remove(at: index).waiter(.success(()))
        }
    }

    private func handle(_ refusal: ServerFrame.Refusal) -> MQError? {
        if let index = commits.firstIndex(where: { $0.number == refusal.requestID }) {
            commits.remove(at: index).waiter(.failure(MQError(.rejected(code: refusal.code), "\(link.peer): \(refusal.text)")))
            return nil
        }
        switch ErrorCode(rawValue: refusal.code) {
        case .offsetOutOfRange:
            guard let oldest = refusal.oldestOffset else { return nil }
            configuration.onEvent(.messagesSkipped(count: oldest - (point.nextOffset ?? oldest), nextOffset: oldest))
            point.begins(at: oldest)
            return nil
        case .superseded: return MQError(.superseded, "\(link.peer): \(refusal.text)")
        case .shuttingDown, .idleTimeout, .frameTimeout, .overloaded, .tooManyConnections: return nil
        default: return MQError(.rejected(code: refusal.code), "\(link.peer): \(refusal.text)")
        }
    }

    func linkIsDown(_ reason: String) {
        isSubscribing = false
        waitsForConsumer = false
    }

    func linkIsRefused(_ error: MQError) { end(error) }
}
