import TelemetryBase
import TelemetryMQLog
import TelemetryMQProtocol

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
            .staleSequence,
            "sequence \(request.sequence ?? 0) is older than what is remembered of this producer; its last is \(last)",
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
                $0.append(broker.identity)
                $0.member("payload", json: statistics)
            }
        case .listPositions:
            let (list, last) = broker.positionList(after: request.after)
            connection.output.appendResponse(requestID: id) {
                $0.object("payload") {
                    $0.member("positions", json: list)
                    if let last { $0.member("next", last) }
                }
            }
        case .deletePosition: deletePosition(request)
        case .publish: break
        case nil:
            connection.refuse(.unknownType, "unknown type \(request.typeText?.string.prefix(64) ?? "")", requestID: id)
        }
    }

    private func hello(_ request: Request) {
        if let token = broker.configuration.token {
            guard let given = request.token, !token.isEmpty, constantTimeEqual(Array(given.utf8), Array(token.utf8))
            else {
                return connection.refuseToken(requestID: request.requestID)
            }
        }
        connection.isAuthorized = true
        if let milliseconds = request.keepaliveMilliseconds, milliseconds > 0 {
            connection.keepalive = .milliseconds(max(milliseconds, 100))
        }
        connection.output.appendResponse(requestID: request.requestID) {
            $0.member("server", "telemetry-mq/1")
            $0.append(broker.identity)
            $0.member("max_frame_bytes", Int64(broker.configuration.maxFrameBytes))
        }
    }

    private func subscribe(_ request: Request) {
        guard let id = request.subscriberID else {
            return connection.refuse(.invalidFrame, "the member subscriber_id is missing", requestID: request.requestID)
        }
        if let wait = broker.takeoverWait(of: id, by: connection) {
            return connection.refuseTakeover(of: id, wait: wait, requestID: request.requestID)
        }
        let log = broker.log
        let asked: Int64
        var known: Int64?
        var repair: PositionRepair?
        do {
            switch request.start {
            case nil, .latest: asked = broker.visible.offset
            case .earliest: asked = log.oldestOffset
            case .committed:
                asked = broker.positions[id]?.nextOffset ?? log.oldestOffset
                repair = broker.positions.repaired[id]
            case .offset(let offset):
                asked = offset
                known = offset
            case .time(let timestamp):
                asked = try log.offset(notBefore: timestamp, now: broker.configuration.clock.wall())
            }
        } catch {
            return connection.refuse(.storageFailed, "look for a time: \(error)", requestID: request.requestID)
        }
        let standing = broker.identity.standing(logID: request.logID, epoch: request.logEpoch, nextOffset: known)
        var start = SubscriptionStart(
            asked: asked, standing: standing, oldest: log.oldestOffset, visible: broker.visible.offset,
            end: log.nextOffset)
        // Its position was of another log, and was set back when this one was opened.
        if repair != nil { start.isReset = true }
        if start.isReset, request.onOtherLog == .fail { return refuseOtherLog(request) }
        do {
            let delivery = try Delivery(broker: broker, from: start.offset)
            guard broker.subscribe(connection, as: id) else {
                return connection.refuse(
                    .tooManySubscribers, "\(broker.configuration.maxSubscribers) subscribers are connected",
                    requestID: request.requestID)
            }
            connection.startDelivery(delivery, as: id)
            connection.output.appendResponse(requestID: request.requestID) {
                $0.member("offset", start.offset)
                $0.append(broker.identity)
                if start.skipped > 0 {
                    $0.member("oldest_offset", log.oldestOffset)
                    $0.member("skipped", start.skipped)
                }
                if start.isReset { $0.member("log_reset", true) }
                if let previous = repair?.logID { $0.member("previous_log_id", plainText: previous) }
                if let rewound = start.rewound { $0.member("rewound", rewound) }
            }
        } catch {
            connection.refuse(.storageFailed, "subscribe at \(start.offset): \(error)", requestID: request.requestID)
        }
    }

    private func refuseOtherLog(_ request: Request) {
        connection.refuse(
            .otherLog,
            "this is log \(broker.identity.idText), not the log, or not all of the log, that the request is for",
            requestID: request.requestID
        ) {
            $0.member("log_id", plainText: broker.identity.id)
            $0.member("oldest_offset", broker.log.oldestOffset)
        }
    }

    private func acknowledge(_ request: Request) {
        guard let id = request.subscriberID, case .offset(let offset)? = request.start else {
            guard request.hasMessageID else {
                return connection.refuse(
                    .invalidFrame, "ack needs message_id, or subscriber_id with the offset that is done",
                    requestID: request.requestID)
            }
            return connection.output.appendResponse(requestID: request.requestID)
        }
        if refusesChange(request) { return }
        // Offsets are not negative, and one that has no successor is beyond every end.
        let next = offset == .max ? offset : offset + 1
        let standing = broker.identity.standing(logID: request.logID, epoch: request.logEpoch, nextOffset: next)
        guard case .same = standing else { return refuseOtherLog(request) }
        let end = broker.visible.offset
        guard offset < end else {
            return connection.refuse(
                .offsetOutOfRange, "message \(offset) does not exist yet; the next one gets offset \(end)",
                requestID: request.requestID
            ) { $0.member("next_offset", end) }
        }
        guard broker.hasRoomForPosition(of: id) else {
            return connection.refuse(
                .tooManyPositions,
                "\(broker.positions.count) positions are stored; delete one, or raise MQ_MAX_POSITIONS",
                requestID: request.requestID)
        }
        do {
            try broker.commit(id, offset: offset)
        } catch {
            return connection.refuse(ErrorCode(error), "\(error)", requestID: request.requestID)
        }
        answerOnceSynced(request)
    }

    private func deletePosition(_ request: Request) {
        guard let id = request.subscriberID else {
            return connection.refuse(.invalidFrame, "the member subscriber_id is missing", requestID: request.requestID)
        }
        guard broker.positions[id] != nil else {
            return connection.refuse(.unknownPosition, "no position is stored for \(id)", requestID: request.requestID)
        }
        guard broker.subscribers[id] == nil else {
            return connection.refuse(.positionInUse, "\(id) is connected; stop it first", requestID: request.requestID)
        }
        if refusesChange(request) { return }
        do {
            try broker.deletePosition(id)
        } catch {
            return connection.refuse(ErrorCode(error), "\(error)", requestID: request.requestID)
        }
        answerOnceSynced(request)
    }

    /// After a failed write or sync nothing is stored any more.
    private func refusesChange(_ request: Request) -> Bool {
        guard let failure = broker.log.failure else { return false }
        connection.refuse(ErrorCode(failure), "\(failure)", requestID: request.requestID)
        return true
    }

    /// Responds to a change of the positions, with the policy `always` after a sync that covers it.
    private func answerOnceSynced(_ request: Request) {
        let id = request.requestID
        guard broker.holdsAnswersUntilSynced else { return connection.output.appendResponse(requestID: id) }
        connection.holdAnswer(requestID: id) { $0.appendResponse(requestID: id) }
        broker.syncSoon()
    }
}
