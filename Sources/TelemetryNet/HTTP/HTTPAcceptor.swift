import Glibc
import Synchronization

/// Connections of one loop, counted from the moment when they are accepted.
final class HTTPCount: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }
    func add(_ change: Int) { count.add(change, ordering: .relaxed) }
}

/// Room for connections, of all loops together.
final class HTTPRoom: Sendable {
    enum Place { case free, beyondLimit, none }

    /// Connections that are served beyond the limit: while each is answered, one that waits for its client is closed,
    /// and if all are busy a health probe still gets through.
    static let reserve = 64

    private let maxConnections: Int
    private let taken = Atomic(0)
    private let isAwaited = Atomic(false)
    private let action = Mutex<@Sendable () -> Void>({})

    init(maxConnections: Int) { self.maxConnections = maxConnections }

    /// Called, on any thread, when there is room for one who was refused it.
    var whenFreed: @Sendable () -> Void {
        get { action.withLock { $0 } }
        set { action.withLock { $0 = newValue } }
    }

    /// Takes a place; `none` if the reserve is taken too, and then ``whenFreed`` will be called.
    func take() -> Place {
        let all = maxConnections + Self.reserve
        // Announced before it is looked at: whoever frees a place in between sees that it is awaited.
        if taken.load(ordering: .sequentiallyConsistent) >= all {
            isAwaited.store(true, ordering: .sequentiallyConsistent)
            if taken.load(ordering: .sequentiallyConsistent) >= all { return .none }
            isAwaited.store(false, ordering: .sequentiallyConsistent)
        }
        return taken.add(1, ordering: .sequentiallyConsistent).newValue > maxConnections ? .beyondLimit : .free
    }

    func free() {
        taken.subtract(1, ordering: .sequentiallyConsistent)
        if isAwaited.exchange(false, ordering: .sequentiallyConsistent) { whenFreed() }
    }
}

/// Accepts for all loops of a server, on the first one.
final class HTTPAcceptor: AcceptorUser {
    private let acceptor: Acceptor
    private let loop: EventLoop
    private let parts: [HTTPServerPart]
    private let room: HTTPRoom
    private let counters: HTTPCounters
    private let descriptors = DescriptorShare()
    private var isClosed = false
    /// That of the connection which is being accepted.
    private var place = HTTPRoom.Place.none

    init(acceptor: Acceptor, loop: EventLoop, parts: [HTTPServerPart], room: HTTPRoom, counters: HTTPCounters) throws {
        self.acceptor = acceptor
        self.loop = loop
        self.parts = parts
        self.room = room
        self.counters = counters
        try acceptor.start(self)
    }

    func mayAccept() -> Bool {
        place = room.take()
        guard place == .none else { return true }
        // All are busy, and those in reserve too: who comes now stays in the system's queue until one is done, or waits.
        makeRoom(for: 1)
        acceptor.pauseForAMoment()
        return false
    }

    func nobodyWaits() { room.free() }

    func accepted(_ descriptor: Int32, _ peer: SocketAddress) {
        counters.opened()
        if descriptor >= descriptors.firstKept { return exchangeDescriptor(of: descriptor, peer) }
        hand(descriptor, peer)
        if place == .beyondLimit { makeRoom(for: 1) }
    }

    func acceptFailed(_ error: any Error) -> Bool {
        room.free()
        counters.acceptFailed()
        makeRoom(for: 16)
        return false
    }

    /// Closes a connection that waits, and lets the new one take its descriptor. Nobody else is accepted meanwhile.
    private func exchangeDescriptor(of accepted: Int32, _ peer: SocketAddress) {
        acceptor.pause()
        let bound = LoopBound(self, to: loop)
        makeRoom(for: 1) { bound.value.settle(accepted, peer) }
    }

    private func settle(_ accepted: Int32, _ peer: SocketAddress) {
        let lowest = Socket.moveToLowestNumber(accepted)
        if isClosed || lowest >= descriptors.end {
            Socket.close(lowest)
            counters.ended()
            counters.closed(.descriptors)
            room.free()
        } else {
            hand(lowest, peer)
        }
        resume()
    }

    private func hand(_ accepted: Int32, _ peer: SocketAddress) {
        let part = parts.min { $0.connections.value < $1.connections.value }!
        part.connections.add(1)
        if part.loop === loop { return part.core.value.adopt(accepted, peer) }
        part.loop.execute { part.core.value.adopt(accepted, peer) }
    }

    /// Closes so many connections that wait for their clients; the fullest loop does it, and another one if it has
    /// none. Those that were accepted just now, whose request is still to come, are left alone.
    private func makeRoom(for count: Int, then done: @escaping @Sendable () -> Void = {}) {
        let fullestFirst = parts.sorted { $0.connections.value > $1.connections.value }
        let loop = loop
        Self.makeRoom(for: count, before: loop.now, on: fullestFirst[...]) { loop.execute(done) }
    }

    private static func makeRoom(
        for count: Int, before now: ContinuousClock.Instant, on parts: ArraySlice<HTTPServerPart>,
        then done: @escaping @Sendable () -> Void
    ) {
        guard count > 0, let part = parts.first else { return done() }
        part.loop.execute {
            let closed = part.core.value.closeLongestWaiting(count, before: now)
            makeRoom(for: count - closed, before: now, on: parts.dropFirst(), then: done)
        }
    }

    func resume() { acceptor.resume() }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        // It holds this acceptor, which holds the room.
        room.whenFreed = {}
        acceptor.close()
    }
}
