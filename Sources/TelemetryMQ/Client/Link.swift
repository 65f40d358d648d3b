import Glibc
import TelemetryBase
import TelemetryIO
import TelemetryMQProtocol

/// The events of a link, all delivered on the loop.
protocol LinkUser: AnyObject {
    /// Connected, with the greeting complete: requests may be sent.
    func linkIsReady()
    /// Complete frames that arrived together, each with its length bytes. Returns whether to continue reading.
    func linkReceived(_ frames: UnsafeRawBufferPointer) -> Bool
    /// The connection is lost, or an attempt failed; the link tries again by itself.
    func linkIsDown(_ reason: String)
    /// The server refused this client: the link does not try again.
    func linkIsRefused(_ error: MQError)
}

/// A connection to the server that reconnects, with backoff, whenever it breaks. Belongs to one event loop.
final class Link: EventHandler {
    private enum State {
        case idle
        case resolving
        case connecting(descriptor: Int32, rest: ArraySlice<SocketAddress>)
        /// Connected, and waiting for the response to `hello`.
        case greeting(Int32)
        case ready(Int32)
        case waiting
        case closed
    }

    private let configuration: MQClient.Configuration
    /// The subscription that the connection serves; `nil` for the client's own, which publishes. Events contain it.
    private let subscription: String?
    private let loop: EventLoop
    private weak var user: (any LinkUser)?
    private var state = State.idle
    private var backoff: Backoff
    private var input = ByteQueue()
    private var output = ByteQueue()
    private var isReading = true
    private var isBlocked = false
    private var flushIsDue = false
    private var lastHeard = ContinuousClock.now
    private var lastSent = ContinuousClock.now
    private var timer: TimerID?
    private var keepaliveTimer: TimerID?
    /// Counts connections, so that a late event of an older one is recognised.
    private var generation = 0
    /// The largest frame that the server accepts, if it has reported it.
    private var maxSentBytes = Int.max
    /// The log of the connected server, if it has reported it.
    private(set) var log = LogTag.unknown

    init(configuration: MQClient.Configuration, subscription: String? = nil, loop: EventLoop, user: any LinkUser) {
        self.configuration = configuration
        self.subscription = subscription
        self.loop = loop
        self.user = user
        backoff = Backoff(configuration)
    }

    /// A client that was released without being closed ends here, when its loop releases its handlers.
    deinit {
        if let descriptor { Socket.close(descriptor) }
    }

    var peer: String { "\(configuration.host):\(configuration.port)" }
    var isReady: Bool { if case .ready = state { true } else { false } }

    // MARK: Connecting

    func open() {
        guard case .idle = state else { return }
        resolve()
    }

    private func resolve() {
        state = .resolving
        generation += 1
        let number = generation
        // A name server may take seconds to respond; the loop does not wait for it.
        let bound = LoopBound(self, to: loop)
        let (host, port, loop) = (configuration.host, configuration.port, loop)
        do {
            try startThread(name: "mq-resolve") {
                let result = Result { try SocketAddress.resolve(host: host, port: port) }
                loop.execute { bound.value.resolved(result, number) }
            }
        } catch {
            fail("\(error)")
        }
        startTimeout()
    }

    private func resolved(_ result: Result<[SocketAddress], any Error>, _ number: Int) {
        guard number == generation, case .resolving = state else { return }
        switch result {
        case .success(let addresses): connect(to: addresses[...], "no address")
        case .failure(let error): fail("\(error)")
        }
    }

    private func connect(to addresses: ArraySlice<SocketAddress>, _ lastFailure: String) {
        guard let address = addresses.first else { return fail(lastFailure) }
        do {
            let descriptor = try Socket.beginConnect(address)
            state = .connecting(descriptor: descriptor, rest: addresses.dropFirst())
            try loop.register(descriptor, events: .writable, handler: self)
        } catch {
            closeDescriptor()
            connect(to: addresses.dropFirst(), "\(error)")
        }
    }

    private func startTimeout() {
        if let timer { loop.cancel(timer) }
        timer = loop.schedule(after: configuration.connectTimeout) { [weak self] in
            guard let self, !isReady else { return }
            timer = nil
            fail("\(peer): no connection within \(configuration.connectTimeout)")
        }
    }

    private func greet(_ descriptor: Int32) {
        state = .greeting(descriptor)
        lastHeard = loop.now
        send { output in
            output.appendJSON { json in
                json.object {
                    $0.member("type", "hello")
                    $0.member("request_id", 0)
                    $0.member("client_id", configuration.clientID)
                    if let token = configuration.token { $0.member("token", token) }
                    if let interval = configuration.keepaliveInterval {
                        $0.member("keepalive_ms", interval.wholeMicroseconds / 1000)
                    }
                }
            }
        }
        flush()
    }

    // MARK: Sending

    func send(_ body: [UInt8]) {
        send { $0.append(body) }
    }

    /// Queues one frame, whose body the closure appends. It is sent with others that are queued in the same round.
    /// Returns `false`, and sends nothing, if the frame is larger than the server accepts.
    @discardableResult
    func send(_ body: (inout ByteQueue) -> Void) -> Bool {
        let at = output.count
        _ = output.room(4)
        output.commit(4)
        body(&output)
        guard output.count - at - 4 <= maxSentBytes else {
            output.truncate(to: at)
            return false
        }
        output.setUInt32(UInt32(output.count - at - 4), at: at)
        guard !flushIsDue, !isBlocked else { return true }
        flushIsDue = true
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.flush() }
        return true
    }

    var queuedBytes: Int { output.count }

    private func flush() {
        flushIsDue = false
        guard let descriptor else { return }
        do {
            while !output.isEmpty {
                guard let count = try Socket.write(descriptor, output.bytes) else {
                    isBlocked = true
                    watch()
                    return
                }
                output.consume(count)
                lastSent = loop.now
            }
            output.releaseIfEmpty()
            if isBlocked {
                isBlocked = false
                watch()
            }
        } catch {
            fail("\(peer): \(error)")
        }
    }

    // MARK: Receiving

    func ready(_ events: EventSet) {
        switch state {
        case .connecting(let descriptor, let rest):
            let code = Socket.connectResult(descriptor)
            guard code == 0 else {
                closeDescriptor()
                return connect(to: rest, SystemError("connect to", on: peer, code: code).description)
            }
            loop.modify(descriptor, events: .readable)
            greet(descriptor)
        case .greeting, .ready:
            if events.contains(.writable) { flush() }
            if isReading {
                if !events.isDisjoint(with: [.readable, .hangup, .error]) { receive() }
            } else if !events.isDisjoint(with: [.hangup, .error]) {
                // Requests for data that was not read yet are sent again.
                fail("\(peer): the connection broke")
            }
        default: break
        }
    }

    private func receive() {
        guard let descriptor, isReading else { return }
        do {
            guard let count = try Socket.read(descriptor, into: input.room(missingBytes)) else { return }
            guard count > 0 else { return fail("\(peer): the server closed the connection") }
            input.commit(count)
            lastHeard = loop.now
            try takeFrames()
        } catch {
            fail("\(peer): \(error)")
        }
    }

    private var missingBytes: Int {
        guard input.count >= 4 else { return 256 * 1024 }
        return max(Record.totalBytes(input.bytes.baseAddress!) - input.count, 256 * 1024)
    }

    private func takeFrames() throws {
        let bytes = input.bytes
        var at = 0
        var oversize: Int?
        while bytes.count - at >= 4 {
            let total = Record.totalBytes(bytes.baseAddress! + at)
            guard total <= configuration.maxFrameBytes.addingClamped(Record.maxOverhead) else {
                oversize = total
                break
            }
            guard bytes.count - at >= total else { break }
            if case .greeting(let descriptor) = state {
                let number = generation
                try greeted(UnsafeRawBufferPointer(rebasing: bytes[at..<at + total]), descriptor)
                guard number == generation else { return }
                // The frames after the greeting are passed to the user.
                input.consume(total)
                return try takeFrames()
            }
            at += total
        }
        let number = generation
        let goesOn = at == 0 || user?.linkReceived(UnsafeRawBufferPointer(rebasing: bytes[..<at])) ?? false
        guard number == generation, descriptor != nil else { return }
        if let oversize {
            // Not handled by `fail`: it would happen again with every further connection.
            let limit = configuration.maxFrameBytes
            return refuse(
                MQError(.protocolViolation, "\(peer): received a frame of \(oversize - 4) bytes; the limit is \(limit)")
            )
        }
        guard at > 0 else { return }
        input.consume(at)
        input.releaseIfEmpty()
        if !goesOn, isReading {
            isReading = false
            watch()
        }
    }

    private func greeted(_ frame: UnsafeRawBufferPointer, _ descriptor: Int32) throws {
        switch try ServerFrame.parse(frame) {
        case .error(let refusal) where refusal.code == ErrorCode.unauthorized.rawValue:
            refuse(MQError(.unauthorized, "\(peer): \(refusal.text)"))
        case .error(let refusal) where refusal.code == ErrorCode.invalidFrame.rawValue:
            refuse(MQError(.rejected(code: refusal.code), "\(peer): \(refusal.text)"))
        case .error(let refusal) where refusal.code != ErrorCode.unknownType.rawValue:
            fail("\(peer): \(refusal.text)")
        case .response(let answer):
            maxSentBytes = answer.maxFrameBytes.flatMap { Int(exactly: $0) } ?? .max
            log = answer.log
            becomeReady(descriptor)
        case .error:
            // A server without support for hello is used without keepalive.
            becomeReady(descriptor)
        default: break
        }
    }

    private func becomeReady(_ descriptor: Int32) {
        state = .ready(descriptor)
        backoff.reset()
        if let timer { loop.cancel(timer) }
        timer = nil
        scheduleKeepalive()
        configuration.onEvent(.connected(peer: peer, subscription: subscription))
        user?.linkIsReady()
    }

    /// Resumes reading after ``LinkUser/linkReceived(_:)`` requested a stop.
    func resumeReading() {
        guard !isReading else { return }
        isReading = true
        lastHeard = loop.now
        if descriptor != nil { watch() }
    }

    private func watch() {
        guard let descriptor else { return }
        var events: EventSet = []
        if isReading { events.insert(.readable) }
        if isBlocked { events.insert(.writable) }
        loop.modify(descriptor, events: events)
    }

    // MARK: Keepalive

    private func scheduleKeepalive() {
        guard let interval = configuration.keepaliveInterval else { return }
        keepaliveTimer = loop.schedule(after: interval / 2) { [weak self] in
            guard let self, isReady else { return }
            if isReading, loop.now - lastHeard > interval * 2 {
                return fail("\(peer): no data received for \(interval * 2)")
            }
            if loop.now - lastSent >= interval / 2 { send(Array(#"{"type":"ping"}"#.utf8)) }
            scheduleKeepalive()
        }
    }

    // MARK: Ending

    private var descriptor: Int32? {
        switch state {
        case .connecting(let descriptor, _), .greeting(let descriptor), .ready(let descriptor): descriptor
        default: nil
        }
    }

    private func closeDescriptor() {
        guard let descriptor else { return }
        loop.deregister(descriptor)
        Socket.close(descriptor)
        state = .idle
    }

    private func reset() {
        closeDescriptor()
        generation += 1
        input.consume(input.count)
        output.consume(output.count)
        input.releaseIfEmpty()
        output.releaseIfEmpty()
        isReading = true
        isBlocked = false
        maxSentBytes = .max
        log = .unknown
        for pending in [timer, keepaliveTimer].compactMap({ $0 }) { loop.cancel(pending) }
        timer = nil
        keepaliveTimer = nil
    }

    /// Closes the connection and reconnects later.
    func fail(_ reason: String) {
        if case .closed = state { return }
        reset()
        state = .waiting
        let delay = backoff.next()
        configuration.onEvent(.disconnected(peer: peer, subscription: subscription, reason: reason, retryAfter: delay))
        timer = loop.schedule(after: delay) { [weak self] in
            guard let self, case .waiting = state else { return }
            timer = nil
            resolve()
        }
        user?.linkIsDown(reason)
    }

    private func refuse(_ error: MQError) {
        reset()
        state = .idle
        user?.linkIsRefused(error)
    }

    /// Closes the connection, and opens none until ``open()``.
    func rest() {
        if case .closed = state { return }
        reset()
        state = .idle
    }

    func close() {
        reset()
        state = .closed
    }
}

extension Backoff {
    /// The waits of a client between its connection attempts.
    init(_ configuration: MQClient.Configuration) {
        self.init(
            first: configuration.initialBackoff, longest: max(configuration.initialBackoff, configuration.maxBackoff))
    }
}
