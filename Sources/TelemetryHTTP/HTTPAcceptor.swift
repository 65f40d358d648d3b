import Glibc
import Synchronization
import TelemetryIO

/// Counts the connections of one loop from the moment when they are accepted.
final class HTTPCount: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }
    func add(_ change: Int) { count.add(change, ordering: .relaxed) }
}

/// The limit on connections, shared by all loops.
final class HTTPSlots: Sendable {
    enum Slot { case free, beyondLimit, none }

    /// The number of connections served beyond the limit: each one that is accepted closes a connection that waits for
    /// its client; if all are busy, a health probe still gets through.
    static let reserve = 64

    private let maxConnections: Int
    private let taken = Atomic(0)
    private let isAwaited = Atomic(false)
    private let action = Mutex<@Sendable () -> Void>({})

    init(maxConnections: Int) { self.maxConnections = maxConnections }

    /// Called, on any thread, when a slot becomes free after one was refused.
    var whenFreed: @Sendable () -> Void {
        get { action.withLock { $0 } }
        set { action.withLock { $0 = newValue } }
    }

    /// Takes a slot; `none` if the reserve is full too, in which case ``whenFreed`` will be called.
    func take() -> Slot {
        let all = maxConnections + Self.reserve
        // Registered before the count is read: a connection that frees a slot in between sees that one is awaited.
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

/// Accepts connections for all loops of a server, on the first one.
final class HTTPAcceptor: AcceptorUser {
    private let acceptor: Acceptor
    private let loop: EventLoop
    private let parts: [HTTPServerPart]
    private let slots: HTTPSlots
    private let counters: HTTPCounters
    private let descriptors = DescriptorShare()
    private var isClosed = false
    /// The slot of the connection that is being accepted.
    private var slot = HTTPSlots.Slot.none

    init(acceptor: Acceptor, loop: EventLoop, parts: [HTTPServerPart], slots: HTTPSlots, counters: HTTPCounters) throws
    {
        self.acceptor = acceptor
        self.loop = loop
        self.parts = parts
        self.slots = slots
        self.counters = counters
        try acceptor.start(self)
    }

    func mayAccept() -> Bool {
        slot = slots.take()
        guard slot == .none else { return true }
        // All are busy, including those in reserve: new connections stay in the system's queue until a slot is free.
        freeSlots(for: 1)
        acceptor.pauseForAMoment()
        return false
    }

    func nobodyWaits() { slots.free() }

    func accepted(_ descriptor: Int32, _ peer: SocketAddress) {
        counters.opened()
        if descriptor >= descriptors.firstKept { return exchangeDescriptor(of: descriptor, peer) }
        hand(descriptor, peer)
        if slot == .beyondLimit { freeSlots(for: 1) }
    }

    func acceptFailed(_ error: any Error) -> Bool {
        slots.free()
        counters.acceptFailed()
        freeSlots(for: 16)
        return false
    }

    /// Closes an idle connection, and reuses its descriptor for the new one. No other connection is accepted meanwhile.
    private func exchangeDescriptor(of accepted: Int32, _ peer: SocketAddress) {
        acceptor.pause()
        let bound = LoopBound(self, to: loop)
        freeSlots(for: 1) { bound.value.settle(accepted, peer) }
    }

    private func settle(_ accepted: Int32, _ peer: SocketAddress) {
        let lowest = Socket.moveToLowestNumber(accepted)
        if isClosed || lowest >= descriptors.end {
            Socket.close(lowest)
            counters.ended()
            counters.closed(.descriptors)
            slots.free()
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

    /// Closes `count` connections that wait for their clients; the loop with the most connections does it, or another
    /// loop if it has none. Connections that were accepted just now, whose request is still to come, are left alone.
    private func freeSlots(for count: Int, then done: @escaping @Sendable () -> Void = {}) {
        let fullestFirst = parts.sorted { $0.connections.value > $1.connections.value }
        let loop = loop
        Self.freeSlots(for: count, before: loop.now, on: fullestFirst[...]) { loop.execute(done) }
    }

    private static func freeSlots(
        for count: Int, before now: ContinuousClock.Instant, on parts: ArraySlice<HTTPServerPart>,
        then done: @escaping @Sendable () -> Void
    ) {
        guard count > 0, let part = parts.first else { return done() }
        part.loop.execute {
            let closed = part.core.value.closeLongestWaiting(count, before: now)
            freeSlots(for: count - closed, before: now, on: parts.dropFirst(), then: done)
        }
    }

    func resume() { acceptor.resume() }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        // The closure retains this acceptor, which retains the slots.
        slots.whenFreed = {}
        acceptor.close()
    }
}
