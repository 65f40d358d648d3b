/// One client: its requests are answered one after the other, in the order in which they came.
///
/// At rest it holds no memory beside itself: it receives into its loop's memory, and answers from memory that it borrows.
final class HTTPConnection: EventHandler {
    /// While so much of its answers is unsent, a client is not served on, and the writer of a streamed body waits.
    static let highWater = 256 * 1024
    /// A body of so many bytes is sent from where it is; what the system does not take of it is copied.
    static let directBytes = 16 * 1024

    let descriptor: Int32
    let core: HTTPServerCore
    private let address: SocketAddress
    /// As text, for the handlers: made when first asked for.
    lazy var peer = address.description
    private var parser: HTTPRequestParser
    private var input = ByteQueue()
    var output = ByteQueue()
    /// The request that is being answered; `nil` between requests.
    var exchange: HTTPExchange?
    var task: Task<Void, Never>?
    /// Counts requests, so that a late answer to one that is over is known as such.
    var number = 0
    /// Of a streamed body, waiting for room.
    var writers: [CheckedContinuation<Void, any Error>] = []
    private var watched: EventSet = .readable
    private var isServing = false
    /// Nothing more is read; when all is sent, our side ends.
    private var isEnding = false
    private var hasEnded = false
    private var isLastRequest = false
    private var peerEnded = false
    /// The number of the request that the client's absence was looked into for.
    private var probedNumber = 0
    private(set) var goneFor: HTTPPeerGone.Reason?
    /// Since when it has been at rest, or our side has ended.
    private var restingSince: ContinuousClock.Instant
    /// Since when the client has taken nothing of what waits for it.
    private var blockedSince: ContinuousClock.Instant?
    /// When the request that is not whole yet began to arrive.
    private var partialSince: ContinuousClock.Instant?

    /// Bytes of unfinished requests and unread responses, as the core knows them.
    private var heldBytes = 0

    var isClosed: Bool { goneFor != nil }

    init(descriptor: Int32, peer: SocketAddress, core: HTTPServerCore) {
        self.descriptor = descriptor
        self.core = core
        address = peer
        parser = HTTPRequestParser(limits: core.configuration.limits)
        restingSince = core.loop.now
    }

    // MARK: Receiving

    func ready(_ events: EventSet) {
        if events.contains(.error) { return close(.closed) }
        if watched.contains(.readable), !events.isDisjoint(with: [.readable, .hangup]) {
            receive()
        } else if events.contains(.hangup) {
            return close(.closed)
        }
        advance()
    }

    private func receive() {
        do {
            guard let count = try Socket.read(descriptor, into: core.scratch) else { return }
            guard count > 0 else {
                peerEnded = true
                if exchange?.isEventStream == true { close(.closed) }
                return
            }
            if isEnding || exchange?.isEventStream == true { return }
            let received = UnsafeRawBufferPointer(rebasing: core.scratch[..<count])
            let used = input.isEmpty ? serve(received) : 0
            if !isEnding { input.append(UnsafeRawBufferPointer(rebasing: received[used...])) }
        } catch {
            close(.closed)
        }
    }

    // MARK: Serving

    private var canServe: Bool { exchange == nil && !isClosed && !isEnding && output.count < Self.highWater }

    /// Handles requests from the front of the bytes until one is under way, answers wait for the client, or more bytes are needed;
    /// returns how many it took.
    private func serve(_ bytes: UnsafeRawBufferPointer) -> Int {
        isServing = true
        defer { isServing = false }
        var taken = 0
        while canServe, taken < bytes.count {
            var used = 0
            do {
                let step = try parser.parse(UnsafeRawBufferPointer(rebasing: bytes[taken...]), used: &used)
                taken += used
                switch step {
                case .needsMore: return taken
                case .expectsContinue:
                    core.lendOutput(to: &output)
                    output.append("HTTP/1.1 100 Continue\r\n\r\n")
                case .request(let request):
                    partialSince = nil
                    start(request, isLast: isLastRequest)
                }
            } catch {
                refuse(error)
                return bytes.count
            }
        }
        return taken
    }

    private func refuse(_ refusal: HTTPRefusal) {
        core.configuration.counters.refused()
        exchange = HTTPExchange(isHead: false, keepsConnection: false, isVersion11: true)
        respond(core.configuration.refusal(refusal.status, refusal.reason))
    }

    /// Does what can be done now: serves what was received, sends what is answered, and sees to what to wait for. Called after every event.
    func advance() {
        guard !isServing else { return }
        defer { noteHeldBytes() }
        var isHeldBack: Bool
        repeat {
            if canServe, !input.isEmpty {
                let used = serve(input.bytes)
                input.consume(used)
            }
            // Where sending makes room for answers, the next request may be there already.
            isHeldBack = !canServe
            probeEndedClient()
            guard !isClosed, send() else { return }
        } while isHeldBack && canServe && !input.isEmpty
        if isEnding { input.consume(input.count) }
        input.releaseIfEmpty()
        notePartialRequest()
        if peerEnded, canServe { isEnding = true }
        if isEnding, exchange == nil, output.isEmpty { return endWriting() }
        watch()
    }

    /// Finds out whether a client that has ended its sending while its request is being worked on is still there.
    ///
    /// A client that only closed its own side reads the interim response and ignores it, as RFC 9110 section 15.2 requires; the host of
    /// one that closed the connection refuses it with a reset, which cancels the task. HTTP/1.0 has no interim responses: there the
    /// deadline of the request ends the work.
    private func probeEndedClient() {
        guard peerEnded, probedNumber != number, task != nil, let exchange, exchange.isVersion11, !exchange.isStreaming else { return }
        probedNumber = number
        core.lendOutput(to: &output)
        output.append("HTTP/1.1 100 Continue\r\n\r\n")
    }

    /// A request counts as begun with its first byte, so that one who sends it byte by byte gains no time.
    private func notePartialRequest() {
        if exchange != nil || (input.isEmpty && !parser.isWithinRequest) {
            partialSince = nil
        } else if partialSince == nil {
            partialSince = core.loop.now
        }
    }

    /// The request is over, its answer in the output.
    func endExchange() {
        if exchange?.keepsConnection != true { isEnding = true }
        exchange = nil
        restingSince = core.loop.now
    }

    // MARK: Sending

    /// Returns whether the connection is still there.
    private func send() -> Bool {
        do {
            while !output.isEmpty {
                guard let count = try Socket.write(descriptor, output.bytes) else {
                    if blockedSince == nil { blockedSince = core.loop.now }
                    break
                }
                output.consume(count)
                blockedSince = nil
            }
        } catch {
            close(.closed)
            return false
        }
        if output.isEmpty { core.takeBackOutput(from: &output) }
        if !writers.isEmpty, output.count < Self.highWater { resumeWriters() }
        return !isClosed
    }

    /// Sends what waits, and the bytes behind it; returns how many of these were taken.
    func sendDirectly(_ bytes: [UInt8]) -> Int {
        guard blockedSince == nil else { return 0 }
        do {
            guard let count = try bytes.withUnsafeBytes({ bytes throws(SystemError) in try Socket.write(descriptor, output.bytes, bytes) })
            else {
                blockedSince = core.loop.now
                return 0
            }
            let before = min(count, output.count)
            output.consume(before)
            return count - before
        } catch {
            close(.closed)
            return 0
        }
    }

    /// Ends our side and lets the client end its own, so that a reset does not destroy an answer on its way.
    private func endWriting() {
        if peerEnded { return close(.closed) }
        if !hasEnded {
            hasEnded = true
            Socket.endWriting(descriptor)
            restingSince = core.loop.now
        }
        watch()
    }

    private func watch() {
        var wanted: EventSet = []
        // While a request is under way, reading finds out whether the client is still there, within a bound.
        let mayRead = input.count < core.configuration.limits.maxHeadBytes || isEnding || exchange?.isEventStream == true
        if !peerEnded, mayRead { wanted.insert(.readable) }
        if !output.isEmpty { wanted.insert(.writable) }
        guard wanted != watched else { return }
        watched = wanted
        core.loop.modify(descriptor, events: wanted)
    }

    // MARK: Room for others

    /// Since when it has waited for its client: for a request, for the rest of one, or to read a response; `nil` while
    /// a request is being answered.
    var waitingSince: ContinuousClock.Instant? {
        if isClosed { return nil }
        if let blockedSince { return blockedSince }
        return exchange == nil ? partialSince ?? restingSince : nil
    }

    /// Between requests.
    var isResting: Bool { exchange == nil && partialSince == nil && blockedSince == nil && !isEnding }

    private func noteHeldBytes() {
        let now = isClosed ? 0 : input.count + parser.heldBytes + output.count
        guard now != heldBytes else { return }
        core.heldBytesChanged(by: now - heldBytes)
        heldBytes = now
    }

    /// `nil` if it holds nothing that its client could be blamed for.
    func memoryHolder(patience: Duration) -> MemoryPressure.Holder<HTTPConnection>? {
        guard heldBytes > 0, let waitingSince else { return nil }
        let age = core.loop.now - waitingSince
        guard blockedSince == nil || age >= patience else { return nil }
        return MemoryPressure.Holder(id: self, bytes: heldBytes, age: age)
    }

    /// Refuses the request that is not whole, or closes the connection if a response waits already.
    func giveUpMemory() {
        core.configuration.counters.closed(.memoryLimit)
        guard exchange == nil, output.isEmpty, !isEnding else { return close(.closed) }
        parser = HTTPRequestParser(limits: core.configuration.limits)
        refuse(HTTPRefusal(503, "the connections hold more of unfinished requests than the server has room for"))
        advance()
    }

    // MARK: Ending

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

    /// Closes now where no request is under way, else behind its answer.
    func closeAfterRequest() {
        isLastRequest = true
        if exchange == nil {
            isEnding = true
            if output.isEmpty { close(.shutdown) }
        } else {
            exchange!.keepsConnection = false
        }
    }

    func close(_ reason: HTTPPeerGone.Reason) {
        guard !isClosed else { return }
        goneFor = reason
        exchange = nil
        core.heldBytesChanged(by: -heldBytes)
        heldBytes = 0
        core.loop.deregister(descriptor)
        Socket.close(descriptor)
        core.remove(self)
        task?.cancel()
        task = nil
        resumeWriters(throwing: HTTPPeerGone(reason: reason))
    }
}
