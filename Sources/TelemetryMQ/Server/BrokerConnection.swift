import Glibc
import TelemetryBase
import TelemetryIO
import TelemetryMQLog
import TelemetryMQProtocol

/// One client's socket: splits received bytes into frames, and sends responses and deliveries in turn.
final class BrokerConnection: EventHandler {
    /// The number of response bytes beyond which a client that does not read its responses is not read from either.
    static let maxOutputBytes = 1 << 20
    /// The number of bytes delivered to one subscriber before the others have their turn.
    private static let turnBytes = 4 << 20
    /// The number of bytes of responses waiting for a sync, beyond which their client is not read from.
    private static let maxHeldAnswerBytes = 4 << 20

    let descriptor: Int32
    let peer: SocketAddress
    /// Releases the connection when it is closed.
    let broker: Broker
    private(set) var subscriberID: String?
    var isAuthorized: Bool
    var keepalive: Duration?
    /// The producer that published last here, with its id as received, so that most frames need no look-up.
    private var lastProducer: (id: [UInt8], producer: ProducerTable.Producer)?
    var output = ByteQueue()

    var input = ByteQueue()
    var delivery: Delivery?
    private var deliveryIsIdle = false
    /// Replaces the delivery at the end of its chunk.
    private var successor: Delivery?
    private var endsDelivery = false
    /// Responses that wait for a sync, with the number of that sync.
    var held = ByteQueue()
    var heldParts: [(sync: Int64, bytes: Int, requestID: [UInt8]?)] = []
    var watched: EventSet = .readable
    var closesWhenDrained = false
    private(set) var isClosed = false
    /// A request of it was accepted: it is not closed in favour of other connections.
    var isProven = false
    /// Complete frames are left in the input: their responses wait for the client to read, or others have their turn.
    var isPaused = false
    var turnIsDue = false
    var progress = FrameProgress()
    var blockedSince: ContinuousClock.Instant?
    /// The id under which the broker knows it.
    var heldBytes = 0
    var delayedRefusal: TimerID?
    var lingers = false
    var lingersSince: ContinuousClock.Instant?
    var lastHeard: ContinuousClock.Instant
    private var lastPinged: ContinuousClock.Instant
    private let accepted: ContinuousClock.Instant

    init(descriptor: Int32, peer: SocketAddress, broker: Broker) {
        self.descriptor = descriptor
        self.peer = peer
        self.broker = broker
        isAuthorized = broker.configuration.token == nil
        lastHeard = broker.loop.now
        lastPinged = lastHeard
        accepted = lastHeard
        Socket.setNoDelay(descriptor)
    }

    var isSubscribed: Bool { subscriberID != nil }
    /// The offset of the next message to deliver.
    var currentOffset: Int64 { successor?.nextOffset ?? delivery?.nextOffset ?? 0 }

    func ready(_ events: EventSet) {
        if events.contains(.writable) { send() }
        if isClosed { return }
        if events.contains(.error) { return close() }
        if watched.contains(.readable) {
            if events.contains(.readable) || events.contains(.hangup) { receive() }
        } else if events.contains(.hangup) {
            close()
        }
    }

    // MARK: Producers

    /// The table's entry for a producer id, a JSON string with its quotes.
    func producer(_ id: UnsafeRawBufferPointer) -> ProducerTable.Producer {
        if let last = lastProducer, !last.producer.isForgotten, last.id.elementsEqual(id) { return last.producer }
        var reader = JSONReader(id)
        // Cannot fail: the parser has validated it.
        let producer = broker.log.producer((try? reader.readString()) ?? "")
        lastProducer = ([UInt8](id), producer)
        return producer
    }

    // MARK: Delivery

    func startDelivery(_ new: Delivery, as id: String) {
        subscriberID = id
        deliveryIsIdle = false
        if delivery == nil || delivery!.isAtBoundary {
            delivery = new
            successor = nil
            endsDelivery = false
        } else {
            successor = new
        }
    }

    func endDelivery() {
        broker.unsubscribe(self)
        subscriberID = nil
        successor = nil
        if delivery?.isAtBoundary ?? true { delivery = nil } else { endsDelivery = true }
    }

    func supersede(by other: SocketAddress) {
        let id = subscriberID ?? ""
        endDelivery()
        refuseAndClose(.superseded, "\(id) has subscribed anew from \(other)")
        send()
    }

    func pumpIfIdle() {
        if deliveryIsIdle { send() }
    }

    /// Sends responses and deliveries until there is nothing to send or the socket buffer is full.
    func send() {
        guard !isClosed, lingersSince == nil else { return }
        defer { noteHeldBytes() }
        do {
            let isBlocked = try sendInTurn()
            if closesWhenDrained, output.isEmpty, heldParts.isEmpty, delivery?.isAtBoundary ?? true {
                return lingers && !broker.isStopping ? linger() : close()
            }
            output.releaseIfEmpty()
            if output.isEmpty { blockedSince = nil } else if blockedSince == nil { blockedSince = broker.loop.now }
            takeTurnSoon()
            watch(writable: isBlocked)
        } catch {
            close()
        }
    }

    /// Returns whether to continue when the socket is writable.
    private func sendInTurn() throws -> Bool {
        var budget = Self.turnBytes
        while true {
            if delivery?.isAtBoundary ?? true {
                if endsDelivery || successor != nil {
                    delivery = successor
                    successor = nil
                    endsDelivery = false
                }
                if !output.isEmpty {
                    guard let count = try Socket.write(descriptor, output.bytes) else { return true }
                    output.consume(count)
                    continue
                }
                if delivery == nil || closesWhenDrained { return false }
            }
            guard budget > 0 else { return true }
            deliveryIsIdle = false
            switch try delivery!.send(to: descriptor) {
            case .blocked: return true
            case .caughtUp:
                deliveryIsIdle = true
                return false
            case .sent(let count):
                budget -= count
                broker.counters.bytesDelivered += Int64(count)
            case .unverified(let segment):
                deliveryIsIdle = true
                broker.verify(segment)
                return false
            case .damaged(let segment, let damage):
                delivery = nil
                let error = LogError.corrupt(
                    path: segment.path, position: damage.position, offset: damage.offset, reason: damage.reason)
                broker.counters.errors[.corruptLog, default: 0] += 1
                output.appendError(.corruptLog, "\(error)") { $0.member("offset", damage.offset) }
                closesWhenDrained = true
            case .fellBehind(let from, let to):
                broker.counters.errors[.offsetOutOfRange, default: 0] += 1
                output.appendError(.offsetOutOfRange, "messages \(from) to \(to - 1) were dropped by retention") {
                    $0.member("oldest_offset", to)
                    $0.member("skipped", to - from)
                }
            }
        }
    }

    private func watch(writable: Bool) {
        var wanted: EventSet = writable ? .writable : []
        let mayRead = output.count < Self.maxOutputBytes && held.count < Self.maxHeldAnswerBytes && !isPaused
        if mayRead, !closesWhenDrained, delayedRefusal == nil { wanted.insert(.readable) }
        guard wanted != watched else { return }
        if wanted.contains(.readable), !watched.contains(.readable) { progress.resume(now: broker.loop.now) }
        watched = wanted
        broker.loop.modify(descriptor, events: wanted)
    }

    // MARK: Life

    /// Called about once a second.
    func checkLiveness() {
        let now = broker.loop.now
        let silence = now - lastHeard
        let configuration = broker.configuration
        if let lingersSince {
            if broker.loop.now - lingersSince > Self.lingerTime { close() }
        } else if !isAuthorized, !closesWhenDrained, now - accepted > configuration.handshakeTimeout {
            refuseAndClose(.idleTimeout, "no hello with a token within \(broker.configuration.handshakeTimeout)")
            send()
        } else if watched.contains(.readable), progress.isStalled(after: configuration.frameTimeout, now: now) {
            let limit = configuration.frameTimeout
            let held = input.count
            broker.reportRefusal(.stalledFrame, "\(peer): closed: \(held) bytes of a frame, and no more for \(limit)")
            lingers = true
            dropInput()
            refuseAndClose(.frameTimeout, "the frame was begun and not continued for \(limit)")
        } else if let keepalive {
            if lastPinged <= lastHeard {
                guard silence > keepalive else { return }
                lastPinged = broker.loop.now
                output.appendPing()
                send()
            } else if silence > keepalive * 2 {
                broker.counters.errors[.idleTimeout, default: 0] += 1
                close()
            }
        } else if closesWhenDrained, silence > .seconds(10) {
            close()
        }
    }

    func closeWhenDrained() {
        guard !isClosed else { return }
        closesWhenDrained = true
        send()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        noteHeldBytes()
        endDelay()
        broker.remove(self)
        broker.loop.deregister(descriptor)
        Socket.close(descriptor)
    }
}
