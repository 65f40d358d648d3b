import TelemetryIO

// The limits on time and memory.

extension HTTPConnection {
    /// The time since which it has waited for its client: for a request, for the rest of one, or for the client to read
    /// a response; `nil` while a request is being processed.
    var waitingSince: ContinuousClock.Instant? {
        if isClosed { return nil }
        if let blockedSince { return blockedSince }
        return exchange == nil ? partialSince ?? restingSince : nil
    }

    /// Whether it is between requests.
    var isResting: Bool { exchange == nil && partialSince == nil && blockedSince == nil && !isEnding }

    /// `nil` if it holds no memory that is due to its client.
    func memoryHolder(patience: Duration) -> MemoryPressure.Holder<HTTPConnection>? {
        guard heldBytes > 0, let waitingSince else { return nil }
        let age = core.loop.now - waitingSince
        guard blockedSince == nil || age >= patience else { return nil }
        return MemoryPressure.Holder(id: self, bytes: heldBytes, age: age)
    }

    /// Refuses the incomplete request, or closes the connection if a response is already pending.
    func giveUpMemory() {
        core.configuration.counters.closed(.memoryLimit)
        guard exchange == nil, output.isEmpty, !isEnding else { return close(.closed) }
        parser = HTTPRequestParser(limits: core.configuration.limits)
        refuse(HTTPRefusal(503, "the connections hold more bytes of unfinished requests than the server allows"))
        advance()
    }

    /// Called about once a second.
    func checkTimeouts() {
        let now = core.loop.now
        let configuration = core.configuration
        if let blockedSince {
            guard now - blockedSince > configuration.writeTimeout else { return }
            configuration.counters.closed(.writeTimeout)
            close(.tooSlow(configuration.writeTimeout))
        } else if exchange == nil {
            if isEnding {
                if now - restingSince > .seconds(2) { close(.closed) }
            } else if let partialSince {
                guard now - partialSince > configuration.requestTimeout else { return }
                configuration.counters.closed(.requestTimeout)
                refuse(HTTPRefusal(408, "the request was not complete within \(configuration.requestTimeout)"))
                advance()
            } else if now - restingSince > configuration.idleTimeout {
                configuration.counters.closed(.idleTimeout)
                close(.closed)
            }
        }
    }
}
