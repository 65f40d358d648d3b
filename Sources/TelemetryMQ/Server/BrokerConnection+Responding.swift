import TelemetryBase
import TelemetryMQProtocol

/// Errors, and responses that wait for a sync.
extension BrokerConnection {
    func refuse(
        _ code: ErrorCode, _ message: String, requestID: UnsafeRawBufferPointer? = nil,
        members: (inout JSONWriter<ByteQueue>) -> Void = { _ in }
    ) {
        broker.counters.errors[code, default: 0] += 1
        output.appendError(code, message, requestID: requestID, members: members)
    }

    func refuseTakeover(of id: String, wait: Duration, requestID: UnsafeRawBufferPointer?) {
        broker.counters.errors[.tooManyTakeovers, default: 0] += 1
        let text =
            "\(id) was taken over \(TakeoverLimit.burst) times in a row: give each subscriber its own id, or wait"
        output.appendError(.tooManyTakeovers, text, requestID: requestID) {
            $0.member("retry_after_ms", wait.wholeMicroseconds / 1000 + 1)
        }
    }

    func refuseAndClose(_ code: ErrorCode, _ message: String, requestID: UnsafeRawBufferPointer? = nil) {
        guard lingersSince == nil else { return close() }
        refuse(code, message, requestID: requestID)
        closeWhenDrained()
    }

    /// Appends a response that is sent once all that is written now is synced.
    func holdAnswer(requestID: UnsafeRawBufferPointer?, _ body: (inout ByteQueue) -> Void) {
        let before = held.count
        body(&held)
        let sync = broker.commits.nextSync
        // Most responses wait for the same sync as the one before.
        if heldParts.last?.sync != sync { broker.commits.hold(self) }
        heldParts.append((sync, held.count - before, requestID.map { [UInt8]($0) }))
    }

    /// Sends the responses that waited for that sync or an earlier one.
    func releaseAnswers(ofSync number: Int64) {
        var bytes = 0
        var parts = 0
        for part in heldParts {
            guard part.sync <= number else { break }
            bytes += part.bytes
            parts += 1
        }
        guard parts > 0 else { return }
        output.append(UnsafeRawBufferPointer(rebasing: held.bytes[..<bytes]))
        held.consume(bytes)
        heldParts.removeFirst(parts)
        send()
    }

    func refuseHeldAnswers(_ reason: String) {
        for part in heldParts {
            if let id = part.requestID {
                id.withUnsafeBytes { refuse(.storageFailed, reason, requestID: $0) }
            } else {
                refuse(.storageFailed, reason)
            }
        }
        held.consume(held.count)
        heldParts = []
        send()
    }
}
