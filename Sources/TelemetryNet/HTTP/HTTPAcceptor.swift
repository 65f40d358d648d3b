import Synchronization

/// Connections of one loop, counted from the moment when they are accepted.
final class HTTPCount: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }
    func add(_ change: Int) { count.add(change, ordering: .relaxed) }
}

/// Room for connections, of all loops together.
final class HTTPRoom: Sendable {
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

    /// `false` where all is taken; then ``whenFreed`` will be called.
    func take() -> Bool {
        // Announced before it is looked at: whoever frees a place in between sees that it is awaited.
        if taken.load(ordering: .sequentiallyConsistent) >= maxConnections {
            isAwaited.store(true, ordering: .sequentiallyConsistent)
            if taken.load(ordering: .sequentiallyConsistent) >= maxConnections { return false }
            isAwaited.store(false, ordering: .sequentiallyConsistent)
        }
        taken.add(1, ordering: .sequentiallyConsistent)
        return true
    }

    func free() {
        taken.subtract(1, ordering: .sequentiallyConsistent)
        if isAwaited.exchange(false, ordering: .sequentiallyConsistent) { whenFreed() }
    }
}

/// Accepts for all loops of a server, on the first one.
final class HTTPAcceptor: EventHandler {
    private let descriptor: Int32
    private let loop: EventLoop
    private let parts: [HTTPServerPart]
    private let room: HTTPRoom
    private var isClosed = false

    init(descriptor: Int32, loop: EventLoop, parts: [HTTPServerPart], room: HTTPRoom) {
        self.descriptor = descriptor
        self.loop = loop
        self.parts = parts
        self.room = room
        // Connections inherit it.
        Socket.setNoDelay(descriptor)
    }

    func ready(_ events: EventSet) {
        for _ in 0..<64 {
            // Those who wait stay in the system's queue until a connection is closed.
            guard room.take() else { return loop.modify(descriptor, events: []) }
            do {
                guard let (accepted, peer) = try Socket.accept(descriptor) else { return room.free() }
                hand(accepted, peer)
            } catch {
                room.free()
                return pause()
            }
        }
    }

    private func hand(_ accepted: Int32, _ peer: SocketAddress) {
        let part = parts.min { $0.connections.value < $1.connections.value }!
        part.connections.add(1)
        if part.loop === loop { return part.core.value.adopt(accepted, peer) }
        part.loop.execute { part.core.value.adopt(accepted, peer) }
    }

    /// Out of descriptors: the one who waits would else be announced again and again.
    private func pause() {
        loop.modify(descriptor, events: [])
        loop.schedule(after: .milliseconds(100)) { [weak self] in self?.resume() }
    }

    func resume() {
        if !isClosed { loop.modify(descriptor, events: .readable) }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        // It holds this acceptor, which holds the room.
        room.whenFreed = {}
        loop.deregister(descriptor)
        Socket.close(descriptor)
    }
}
