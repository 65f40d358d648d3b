import TelemetryBase
import TelemetryIO
import TelemetryMQProtocol

/// The client's publishing side: one connection; requests in flight are resent in order after it breaks. Belongs to the
/// loop.
final class Publisher: LinkUser {
    typealias Waiter = (Result<ServerFrame.Answer, MQError>) -> Void

    private let loop: EventLoop
    private let onEvent: @Sendable (MQClient.Event) -> Void
    private var link: Link!
    /// The producer id as JSON, with quotes. Unique to each client object, so its sequence numbers are its own.
    private let producerID: [UInt8]
    private var queue = PublishQueue<Waiter>(maxSent: 512)
    /// Writes the members of a request but its `request_id`.
    typealias RequestMembers = @Sendable (inout JSONWriter<ByteQueue>) -> Void
    typealias AnswerWaiter = @Sendable (Result<[UInt8], MQError>) -> Void

    /// `get_stats` and the like, asked anew after a broken connection; their ids are negative.
    private var questions: [Int64: (request: RequestMembers, waiter: AnswerWaiter)] = [:]
    private var lastQuestion: Int64 = 0
    /// The log that was published to last.
    private var log = LogTag.unknown
    private var whenEmpty: (() -> Void)?
    private var isClosed = false

    init(configuration: MQClient.Configuration, loop: EventLoop) {
        self.loop = loop
        onEvent = configuration.onEvent
        var id = ByteWriter()
        // The server accepts ids of up to 128 bytes; the random part has up to 14.
        let name = String(decoding: configuration.clientID.utf8.prefix(100), as: UTF8.self)
        id.appendJSONString(name + "-" + String(UInt64.random(in: .min ... .max), radix: 36))
        producerID = id.bytes
        link = Link(configuration: configuration, loop: loop, user: self)
    }

    // MARK: Requests

    func publish(_ payloads: [[UInt8]], isMany: Bool, _ waiter: @escaping Waiter) -> Int64? {
        guard !isClosed else {
            waiter(.failure(closedError))
            return nil
        }
        let number = queue.add(payloads, isMany: isMany, waiter)
        link.open()
        sendUnsent()
        return number
    }

    func cancel(_ number: Int64) {
        queue.cancel(number)?(.failure(.cancelled))
        notifyIfEmpty()
    }

    /// Returns the number by which the question can be cancelled. `request`: see ``MQClient/ask(_:)``.
    func ask(_ request: @escaping RequestMembers, _ waiter: @escaping AnswerWaiter) -> Int64? {
        guard !isClosed else {
            waiter(.failure(closedError))
            return nil
        }
        lastQuestion -= 1
        questions[lastQuestion] = (request, waiter)
        link.open()
        if link.isReady { sendQuestion(lastQuestion) }
        return lastQuestion
    }

    func cancelQuestion(_ number: Int64) { questions[number] = nil }

    private func sendQuestion(_ number: Int64) {
        guard let request = questions[number]?.request else { return }
        link.send { output in
            output.appendJSON { json in
                json.object {
                    request(&$0)
                    $0.member("request_id", number)
                }
            }
        }
    }

    private func sendUnsent() {
        guard link.isReady else { return }
        // The output must not grow if the server does not read: the rest is sent as responses arrive.
        while link.queuedBytes < 4 << 20, let entry = queue.takeUnsent() {
            guard !link.send({ append(entry, to: &$0) }) else { continue }
            let error = MQError(
                .invalidPayload, "\(link.peer): the server does not accept frames as large as this publish")
            queue.finish(entry.number)?.waiter?(.failure(error))
        }
    }

    /// There is one for every publish, so it is bytes, not a `JSONWriter`.
    private func append(_ entry: PublishQueue<Waiter>.Entry, to output: inout ByteQueue) {
        output.append(#"{"type":"publish","request_id":"#)
        output.appendDecimal(UInt64(entry.number))
        output.append(#","producer_id":"#)
        output.append(producerID)
        output.append(#","sequence":"#)
        output.appendDecimal(UInt64(entry.sequence))
        if entry.isMany {
            output.append(#","payloads":["#)
            for (index, payload) in entry.payloads.enumerated() {
                if index > 0 { output.append(",") }
                output.append(payload)
            }
            output.append("]}")
        } else {
            output.append(#","payload":"#)
            output.append(entry.payloads[0])
            output.append("}")
        }
    }

    // MARK: Answers

    func linkIsReady() {
        if link.log.isKnown {
            if log.isKnown, !log.isSameLog(as: link.log), let old = log.id, let new = link.log.id {
                onEvent(.publishingToOtherLog(oldLogID: old, newLogID: new))
            }
            log = link.log
        }
        queue.connectionLost()
        sendUnsent()
        for number in questions.keys.sorted(by: >) { sendQuestion(number) }
    }

    func linkReceived(_ frames: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at < frames.count {
            let total = Record.totalBytes(frames.baseAddress! + at)
            // Closing the connection drops its buffer, and these frames with it.
            guard handle(UnsafeRawBufferPointer(rebasing: frames[at..<at + total])) else { return false }
            at += total
        }
        sendUnsent()
        notifyIfEmpty()
        return true
    }

    /// Returns `false` if the connection had to be closed.
    private func handle(_ frame: UnsafeRawBufferPointer) -> Bool {
        do {
            switch try ServerFrame.parse(frame) {
            case .response(let answer):
                guard let number = answer.requestID else { break }
                if number < 0 {
                    let body = frame[Record.lengthBytes...]
                    let payload = answer.payload.map { Array(UnsafeRawBufferPointer(rebasing: body)[$0]) } ?? []
                    questions.removeValue(forKey: number)?.waiter(.success(payload))
                } else if let entry = queue.finish(number) {
                    entry.waiter?(.success(answer))
                }
            case .error(let refusal):
                let error = MQError(.rejected(code: refusal.code), "\(link.peer): \(refusal.text)")
                guard let number = refusal.requestID else { break }
                if number < 0 {
                    questions.removeValue(forKey: number)?.waiter(.failure(error))
                } else if let entry = queue.finish(number) {
                    entry.waiter?(.failure(error))
                }
            case .ping: link.send(Array(#"{"type":"pong"}"#.utf8))
            case .message, .pong, .unknown: break
            }
            return true
        } catch {
            link.fail("\(link.peer): \(error)")
            return false
        }
    }

    func linkIsDown(_ reason: String) {}

    func linkIsRefused(_ error: MQError) { failAll(error) }

    private func failAll(_ error: MQError) {
        for waiter in queue.takeAll() { waiter(.failure(error)) }
        let asked = questions.values
        questions = [:]
        for question in asked { question.waiter(.failure(error)) }
        notifyIfEmpty()
    }

    // MARK: Ending

    private var closedError: MQError { MQError(.closed, "\(link.peer): the client is closed") }

    /// Accepts no more requests, waits for the responses to those in progress, for at most `limit`, and then closes.
    func close(within limit: Duration, done: @escaping () -> Void) {
        isClosed = true
        let deadline = loop.schedule(after: limit) { [self] in whenEmpty?() }
        whenEmpty = { [self] in
            whenEmpty = nil
            loop.cancel(deadline)
            failAll(closedError)
            link.close()
            done()
        }
        notifyIfEmpty()
    }

    private func notifyIfEmpty() {
        if queue.isEmpty { whenEmpty?() }
    }
}
