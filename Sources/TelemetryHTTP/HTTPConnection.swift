import TelemetryBase
import TelemetryIO

/// One client connection: its requests are processed one after another, in the order in which they came.
///
/// An idle connection uses no memory besides the object itself: it receives into its loop's memory, and builds
/// responses in memory that it borrows.
final class HTTPConnection: EventHandler {
    /// While this number of response bytes is unsent, no further requests are served, and the writer of a streamed body
    /// waits.
    static let highWater = 256 * 1024
    /// A body of at least this size is sent without copying; only what the system does not accept is copied.
    static let directBytes = 16 * 1024

    let descriptor: Int32
    let core: HTTPServerCore
    private let address: SocketAddress
    /// The address as text, for the handlers: created on first use.
    lazy var peer = address.description
    var parser: HTTPRequestParser
    private var input = ByteQueue()
    var output = ByteQueue()
    /// The request that is being processed; `nil` between requests.
    var exchange: HTTPExchange?
    var task: Task<Void, Never>?
    /// The id of the present or last request, so that a late response to one that is over is recognised.
    var exchangeID = 0
    /// The writer of a streamed body that waits for space.
    var writers: [CheckedContinuation<Void, any Error>] = []
    private var watched: EventSet = .readable
    private var isServing = false
    /// No more input is read; once all output is sent, our side is closed.
    private(set) var isEnding = false
    private var hasEnded = false
    private var isLastRequest = false
    private var peerEnded = false
    /// The id of the request for which the client's presence was probed.
    private var probedID = 0
    private(set) var goneFor: HTTPPeerGone.Reason?
    /// The time since which it has been idle, or our side has been closed.
    private(set) var restingSince: ContinuousClock.Instant
    /// The time since which the client has read nothing of the pending output.
    private(set) var blockedSince: ContinuousClock.Instant?
    /// The time when the request that is still incomplete began to arrive.
    private(set) var partialSince: ContinuousClock.Instant?

    /// Bytes of unfinished requests and unread responses, as last reported to the core.
    private(set) var heldBytes = 0

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

    /// Handles requests from the front of the bytes until one is being processed, responses wait for the client, or
    /// more bytes are needed; returns the number of bytes consumed.
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

    func refuse(_ refusal: HTTPRefusal) {
        core.configuration.counters.refused()
        exchange = HTTPExchange(isHead: false, keepsConnection: false, isVersion11: true)
        respond(core.configuration.refusal(refusal.status, refusal.reason))
    }

    /// Does what can be done now: serves received requests, sends output, and registers for the next events. Called
    /// after every event.
    func advance() {
        guard !isServing else { return }
        defer { noteHeldBytes() }
        var isHeldBack: Bool
        repeat {
            if canServe, !input.isEmpty {
                let used = serve(input.bytes)
                input.consume(used)
            }
            // If sending has freed output space, the next request may already be there.
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

    /// Finds out whether a client that has closed its sending side during its request is still there.
    ///
    /// A client that only closed its own side reads the interim response and ignores it, as RFC 9110 section 15.2
    /// requires; the host of one that closed the connection refuses it with a reset, which cancels the task. HTTP/1.0
    /// has no interim responses: there the request's deadline ends the work.
    private func probeEndedClient() {
        guard peerEnded, probedID != exchangeID, task != nil, let exchange, exchange.isVersion11, !exchange.isStreaming
        else { return }
        probedID = exchangeID
        core.lendOutput(to: &output)
        output.append("HTTP/1.1 100 Continue\r\n\r\n")
    }

    /// A request counts as begun with its first byte, so that a client that sends byte by byte gains no time.
    private func notePartialRequest() {
        if exchange != nil || (input.isEmpty && !parser.isWithinRequest) {
            partialSince = nil
        } else if partialSince == nil {
            partialSince = core.loop.now
        }
    }

    /// The request is complete, with its response in the output.
    func endExchange() {
        if exchange?.keepsConnection != true { isEnding = true }
        exchange = nil
        restingSince = core.loop.now
    }

    // MARK: Sending

    /// Returns whether the connection is still open.
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

    /// Sends the pending output, then `bytes`; returns the number of those that were taken.
    func sendDirectly(_ bytes: [UInt8]) -> Int {
        guard blockedSince == nil else { return 0 }
        do {
            guard
                let count = try bytes.withUnsafeBytes({ bytes throws(SystemError) in
                    try Socket.write(descriptor, output.bytes, bytes)
                })
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

    /// Closes our side and lets the client close its own, so that a reset does not destroy a response on its way.
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
        // While a request is being processed, reading detects whether the client is still there, within a limit.
        let mayRead =
            input.count < core.configuration.limits.maxHeadBytes || isEnding || exchange?.isEventStream == true
        if !peerEnded, mayRead { wanted.insert(.readable) }
        if !output.isEmpty { wanted.insert(.writable) }
        guard wanted != watched else { return }
        watched = wanted
        core.loop.modify(descriptor, events: wanted)
    }

    private func noteHeldBytes() {
        let now = isClosed ? 0 : input.count + parser.heldBytes + output.count
        guard now != heldBytes else { return }
        core.heldBytesChanged(by: now - heldBytes)
        heldBytes = now
    }

    // MARK: Ending

    /// Closes now if no request is being processed, otherwise after its response.
    func closeAfterRequest() {
        isLastRequest = true
        if exchange == nil {
            isEnding = true
            if output.isEmpty { close(.shutdown) }
        } else {
            exchange?.keepsConnection = false
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
