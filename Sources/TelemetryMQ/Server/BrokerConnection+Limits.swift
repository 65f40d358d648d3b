import TelemetryIO
import TelemetryMQProtocol

/// The limits of a client's memory and time, and what happens beyond them.
extension BrokerConnection {
    /// The time for which input is read from a client that was refused while sending, so that a reset does not destroy
    /// the error on its way.
    static let lingerTime = Duration.seconds(2)

    func noteHeldBytes() {
        let now = isClosed ? 0 : input.count + output.count + held.count
        guard now != heldBytes else { return }
        broker.heldBytesChanged(by: now - heldBytes)
        heldBytes = now
    }

    /// `nil` if it uses no memory.
    var memoryHolder: MemoryPressure.Holder<BrokerConnection>? {
        guard heldBytes > 0 else { return nil }
        let now = broker.loop.now
        let since = [progress.began, blockedSince].compactMap { $0 }.min() ?? now
        return MemoryPressure.Holder(id: self, bytes: heldBytes, age: now - since)
    }

    /// Frees all memory, and ends.
    func giveUpMemory() {
        let limit = broker.configuration.receiveBytes
        let held = heldBytes
        let what = "bytes of unfinished frames and unread responses"
        broker.reportRefusal(
            .memory, "\(peer): closed: it held \(held) \(what), and all connections more than \(limit)")
        let canTell = output.isEmpty && heldParts.isEmpty && delivery?.isAtBoundary ?? true
        lingers = true
        dropInput()
        refuseAndClose(.overloaded, "all connections hold more than \(limit) \(what); this one held \(held)")
        if !canTell { close() }
    }

    /// Ends the connection of a client that has not presented the token.
    func refuseStranger(_ code: ErrorCode, _ message: String, requestID: UnsafeRawBufferPointer?) {
        broker.reportRefusal(.unauthorized, "\(peer): \(message)")
        lingers = true
        refuseAndClose(code, message, requestID: requestID)
    }

    /// Refuses the token after a delay, so that tokens cannot be tried quickly one after another.
    func refuseToken(requestID: UnsafeRawBufferPointer?) {
        broker.clients.wrongTokens += 1
        broker.reportRefusal(.unauthorized, "\(peer): the token is wrong or missing")
        guard broker.beginDelayedRefusal() else {
            broker.counters.errors[.unauthorized, default: 0] += 1
            return close()
        }
        let id = requestID.map { [UInt8]($0) }
        delayedRefusal = broker.loop.schedule(after: broker.configuration.wrongTokenDelay) { [weak self] in
            guard let self else { return }
            endDelay()
            lingers = true
            let text = "the token is wrong or missing"
            guard let id else { return refuseAndClose(.unauthorized, text) }
            id.withUnsafeBytes { refuseAndClose(.unauthorized, text, requestID: $0) }
        }
        // Nothing is read meanwhile.
        send()
    }

    func endDelay() {
        guard let timer = delayedRefusal.take() else { return }
        broker.loop.cancel(timer)
        broker.endDelayedRefusal()
    }

    /// Closes our side and reads remaining input, so that the client can read the error.
    func linger() {
        guard lingersSince == nil else { return }
        lingersSince = broker.loop.now
        broker.unsubscribe(self)
        Socket.endWriting(descriptor)
        watched = .readable
        broker.loop.modify(descriptor, events: watched)
    }

    func discard() {
        withUnsafeTemporaryAllocation(byteCount: 64 * 1024, alignment: 16) { buffer in
            do {
                guard let count = try Socket.read(descriptor, into: buffer) else { return }
                if count == 0 { close() }
            } catch {
                close()
            }
        }
    }
}
