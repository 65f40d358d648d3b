import TelemetryNet

/// Answers the frames of one read: publishes are gathered, written together, and answered after the write.
struct RequestHandler {
    /// A publish that is staged but not written.
    private struct Staged {
        var requestID: UnsafeRawBufferPointer?
        var offset: Int64
        var count: Int
        var isMany: Bool
        var isRepeat: Bool
        /// Where the messages are not one behind the other: a crash in the middle of the frame's first writing left some of
        /// them in the log, and the rest follow only now.
        var offsets: [Int64] = []
    }

    private let connection: BrokerConnection
    private let broker: Broker
    private var staged: [Staged] = []
    private var timestamp: Int64 = 0

    init(connection: BrokerConnection) {
        self.connection = connection
        broker = connection.broker
    }

    /// The frame's bytes must stay where they are until ``finish()``.
    mutating func handle(_ frame: UnsafeRawBufferPointer) {
        do {
            try broker.parser.parse(frame)
        } catch {
            finish()
            return connection.refuse(error.code, error.message, requestID: broker.parser.request.requestID)
        }
        let request = broker.parser.request
        guard connection.isAuthorized || request.kind == .hello else {
            finish()
            return connection.refuseAndClose(.unauthorized, "hello with the token must come first", requestID: request.requestID)
        }
        if request.kind == .publish { return stagePublish(request) }
        finish()
        answer(request)
    }

    // MARK: Publishing

    private mutating func stagePublish(_ request: Request) {
        let payloads = broker.parser.payloads
        guard !payloads.isEmpty else {
            finish()
            let reason = request.hasPayloads ? "payloads is empty" : "the member payload is missing"
            return connection.refuse(.invalidFrame, reason, requestID: request.requestID)
        }
        if staged.isEmpty { timestamp = broker.timestamp() }
        guard let idText = request.producerID, let sequence = request.sequence else {
            let offset = broker.batch.nextOffset
            for payload in payloads { broker.batch.append(payload: payload, timestamp: timestamp) }
            return stage(request, offset: offset, isRepeat: false)
        }
        let producer = producer(idText)
        var first: Int64 = 0
        var scattered: [Int64] = []
        var isRepeat = true
        for (index, payload) in payloads.enumerated() {
            let number = sequence + Int64(index)
            let offset: Int64
            switch broker.log.producers.verdict(producer, sequence: number) {
            case .new:
                offset = broker.batch.append(payload: payload, timestamp: timestamp, producerID: idText, sequence: number)
                broker.log.remember(producer, sequence: number, offset: offset)
                isRepeat = false
            case .repeated(let stored):
                broker.counters.publishesRepeated += 1
                offset = stored
            case .stale(let last):
                // Sequence numbers rise, so nothing of this frame was staged before this one.
                finish()
                return connection.refuse(
                    .staleSequence, "sequence \(number) of \(producer.id) is older than what is remembered; its last is \(last)",
                    requestID: request.requestID)
            }
            if index == 0 { first = offset }
            if scattered.isEmpty, offset != first + Int64(index) { scattered = Array(first..<first + Int64(index)) }
            if !scattered.isEmpty { scattered.append(offset) }
        }
        stage(request, offset: first, isRepeat: isRepeat)
        if !scattered.isEmpty { staged[staged.count - 1].offsets = scattered }
    }

    private mutating func stage(_ request: Request, offset: Int64, isRepeat: Bool) {
        staged.append(
            Staged(
                requestID: request.requestID, offset: offset, count: broker.parser.payloads.count, isMany: request.hasPayloads,
                isRepeat: isRepeat))
    }

    private func producer(_ idText: UnsafeRawBufferPointer) -> ProducerTable.Producer {
        if let last = connection.lastProducer, !last.producer.isForgotten, last.id.elementsEqual(idText) { return last.producer }
        var reader = JSONReader(idText)
        // Cannot fail: the parser has read it.
        let id = (try? reader.readString()) ?? ""
        let producer = broker.log.producer(id)
        connection.lastProducer = ([UInt8](idText), producer)
        return producer
    }

    /// Writes what is staged and answers it.
    mutating func finish() {
        guard !staged.isEmpty else { return }
        defer { staged.removeAll(keepingCapacity: true) }
        do {
            try broker.writeBatch()
        } catch {
            for publish in staged { connection.refuse(Self.code(of: error), "\(error)", requestID: publish.requestID) }
            return
        }
        let holds = broker.holdsAnswersUntilSynced
        for publish in staged {
            if holds {
                // A repeat may be of a message that is written but not synced yet.
                connection.holdAnswer(requestID: publish.requestID) { Self.append(publish, to: &$0) }
            } else {
                Self.append(publish, to: &connection.output)
            }
        }
        if holds { broker.startSync() }
    }

    private static func code(of error: LogError) -> ErrorCode {
        if case .full = error { .storageFull } else { .storageFailed }
    }

    private static func append(_ publish: Staged, to output: inout ByteQueue) {
        output.appendResponse(requestID: publish.requestID) {
            $0.appendMember("offset", publish.offset)
            if publish.isMany { $0.appendMember("count", Int64(publish.count)) }
            if publish.isRepeat { $0.append(#","duplicate":true"#) }
            guard !publish.offsets.isEmpty else { return }
            $0.append(#","offsets":["#)
            for (index, offset) in publish.offsets.enumerated() {
                if index > 0 { $0.append(",") }
                $0.appendDecimal(UInt64(offset))
            }
            $0.append("]")
        }
    }

    // MARK: All else

    private func answer(_ request: Request) {
        let id = request.requestID
        switch request.kind {
        case .hello: hello(request)
        case .subscribe: subscribe(request)
        case .unsubscribe:
            connection.endDelivery()
            connection.output.appendResponse(requestID: id)
        case .ack: acknowledge(request)
        case .nack, .pong:
            // The log keeps every message, so there is nothing to give back.
            if request.kind == .nack { connection.output.appendResponse(requestID: id) }
        case .ping: connection.output.appendPong(requestID: id)
        case .getStats:
            let statistics = broker.statistics()
            connection.output.appendResponse(requestID: id) {
                $0.append(#","payload":"#)
                $0.append(statistics)
            }
        case .publish: break
        case nil:
            connection.refuse(.unknownType, "unknown type \(request.typeText?.string.prefix(64) ?? "")", requestID: id)
        }
    }

    private func hello(_ request: Request) {
        if let token = broker.configuration.token {
            guard let given = request.token, !token.isEmpty, constantTimeEqual(Array(given.utf8), Array(token.utf8)) else {
                return connection.refuseAndClose(.unauthorized, "the token is wrong or missing", requestID: request.requestID)
            }
        }
        connection.isAuthorized = true
        if let milliseconds = request.keepaliveMilliseconds, milliseconds > 0 {
            connection.keepalive = .milliseconds(max(milliseconds, 100))
        }
        connection.output.appendResponse(requestID: request.requestID) {
            $0.append(#","server":"telemetry-mq/1""#)
            $0.appendMember("max_frame_bytes", Int64(broker.configuration.maxFrameBytes))
        }
    }

    private func subscribe(_ request: Request) {
        guard let id = request.subscriberID else {
            return connection.refuse(.invalidFrame, "the member subscriber_id is missing", requestID: request.requestID)
        }
        let log = broker.log
        let oldest = log.oldestOffset
        let end = broker.visible.offset
        let asked: Int64
        do {
            switch request.start {
            case nil, .latest: asked = end
            case .earliest: asked = oldest
            case .committed: asked = broker.positions.offsets[id].map { $0 + 1 } ?? oldest
            case .offset(let offset): asked = offset
            case .time(let timestamp): asked = try log.offset(notBefore: timestamp)
            }
        } catch {
            return connection.refuse(.storageFailed, "look for a time: \(error)", requestID: request.requestID)
        }
        // An offset beyond the end is of a log that is no more, as after a restart of one in memory: all of this one is new.
        let isOtherLog = asked > log.nextOffset
        let start = isOtherLog ? oldest : min(max(asked, oldest), end)
        do {
            let delivery = try Delivery(broker: broker, from: start)
            guard broker.subscribe(connection, as: id) else {
                return connection.refuse(
                    .tooManySubscribers, "\(broker.configuration.maxSubscribers) subscribers are connected", requestID: request.requestID)
            }
            connection.startDelivery(delivery, as: id)
            connection.output.appendResponse(requestID: request.requestID) {
                $0.appendMember("offset", start)
                if asked < oldest {
                    $0.appendMember("oldest_offset", oldest)
                    $0.appendMember("skipped", oldest - asked)
                }
                if isOtherLog { $0.append(#","log_reset":true"#) }
            }
        } catch {
            connection.refuse(.storageFailed, "subscribe at \(start): \(error)", requestID: request.requestID)
        }
    }

    private func acknowledge(_ request: Request) {
        if let id = request.subscriberID, case .offset(let offset)? = request.start {
            do {
                try broker.commit(id, offset: offset)
            } catch {
                return connection.refuse(Self.code(of: error), "\(error)", requestID: request.requestID)
            }
            if broker.holdsAnswersUntilSynced {
                connection.holdAnswer(requestID: request.requestID) {
                    $0.appendResponse(requestID: request.requestID)
                }
                broker.startSync()
                return
            }
        } else if !request.hasMessageID {
            return connection.refuse(
                .invalidFrame, "ack needs message_id, or subscriber_id with the offset that is done", requestID: request.requestID)
        }
        connection.output.appendResponse(requestID: request.requestID)
    }
}
