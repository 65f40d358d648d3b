import TelemetryNet

/// Answers the frames of one read.
struct RequestHandler {
    private let connection: BrokerConnection
    private let broker: Broker

    init(connection: BrokerConnection) {
        self.connection = connection
        broker = connection.broker
    }

    /// The frame's bytes must stay where they are until ``Broker/commitStaged()``. Returns how much of the connection's
    /// turn it takes: 1, and more if it looks something up.
    func handle(_ frame: UnsafeRawBufferPointer) -> Int {
        handleRequest(frame)
        return switch broker.parser.request.kind {
        case .subscribe, .getStats: 32
        default: 1
        }
    }

    private func handleRequest(_ frame: UnsafeRawBufferPointer) {
        do {
            try broker.parser.parse(frame)
        } catch {
            broker.commitStaged()
            let id = broker.parser.request.requestID
            // A client that has not presented the token gets no second attempt.
            guard connection.isAuthorized else {
                return connection.refuseStranger(error.code, error.message, requestID: id)
            }
            return connection.refuse(error.code, error.message, requestID: id)
        }
        let request = broker.parser.request
        guard connection.isAuthorized || request.kind == .hello else {
            broker.commitStaged()
            return connection.refuseStranger(
                .unauthorized, "hello with the token must come first", requestID: request.requestID)
        }
        if request.kind == .publish { return publish(request) }
        broker.commitStaged()
        answer(request)
    }

    // MARK: Publishing

    private func publish(_ request: Request) {
        let payloads = broker.parser.payloads
        guard !payloads.isEmpty else {
            broker.commitStaged()
            let reason = request.hasPayloads ? "payloads is empty" : "the member payload is missing"
            return connection.refuse(.invalidFrame, reason, requestID: request.requestID)
        }
        guard let last = broker.stage.stage(PublishFrame(request, payloads), payloads, of: connection) else { return }
        broker.commitStaged()
        connection.refuse(
            .staleSequence, "sequence \(request.sequence ?? 0) is older than what is remembered of this producer; its last is \(last)",
            requestID: request.requestID)
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
                return connection.refuseToken(requestID: request.requestID)
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
                return connection.refuse(ErrorCode(error), "\(error)", requestID: request.requestID)
            }
            if broker.holdsAnswersUntilSynced {
                connection.holdAnswer(requestID: request.requestID) {
                    $0.appendResponse(requestID: request.requestID)
                }
                broker.syncSoon()
                return
            }
        } else if !request.hasMessageID {
            return connection.refuse(
                .invalidFrame, "ack needs message_id, or subscriber_id with the offset that is done", requestID: request.requestID)
        }
        connection.output.appendResponse(requestID: request.requestID)
    }
}
