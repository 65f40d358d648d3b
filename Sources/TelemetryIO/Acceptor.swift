import Glibc

/// Serves the connections that an ``Acceptor`` accepts. Called on the acceptor's loop.
package protocol AcceptorUser: AnyObject {
    /// Whether a connection that waits may be accepted now. If not, the user has paused the acceptor.
    func mayAccept() -> Bool
    /// No client waits any longer: what ``mayAccept()`` has reserved is not needed.
    func nobodyWaits()
    /// Takes over a connection. Errors that this throws are passed to ``acceptFailed(_:)``.
    func accepted(_ descriptor: Int32, _ peer: SocketAddress) throws
    /// A connection could not be accepted or served. The acceptor then pauses for a moment, unless the user has turned
    /// the client away with ``Acceptor/turnAway()`` and returns `true`.
    func acceptFailed(_ error: any Error) -> Bool
}

extension AcceptorUser {
    package func mayAccept() -> Bool { true }
    package func nobodyWaits() {}
}

/// Accepts TCP connections on an event loop and hands them to its user.
///
/// It limits the number of connections accepted per round, so that a flood does not starve other handlers, and pauses
/// when a connection cannot be accepted, because the loop would report the waiting client again and again. The loop,
/// and so the acceptor, retains the user until ``close()``.
package final class Acceptor: EventHandler {
    private static let connectionsPerRound = 64
    private static let pauseAfterFailure = Duration.milliseconds(100)

    private let loop: EventLoop
    private let descriptor: Int32
    package let address: SocketAddress
    private var user: (any AcceptorUser)?
    private var isPaused = false
    private var isClosed = false
    /// A spare descriptor, given up to accept and turn away a client when the process is out of descriptors.
    private var spare: Int32 = -1

    /// Listens; accepts connections once it has a user. Port 0 takes a free one. Called on the loop.
    package init(loop: EventLoop, host: String, port: Int) throws {
        self.loop = loop
        (descriptor, address) = try Socket.listen(host: host, port: port)
        // Accepted connections inherit the option.
        Socket.setNoDelay(descriptor)
    }

    deinit { closeDescriptors() }

    /// Begins to accept. `keepsSpare`: whether ``turnAway()`` will be called.
    package func start(keepsSpare: Bool = false, _ user: any AcceptorUser) throws {
        try loop.register(descriptor, events: .readable, handler: self)
        self.user = user
        if keepsSpare { openSpare() }
    }

    package func ready(_ events: EventSet) {
        for _ in 0..<Self.connectionsPerRound {
            guard !isPaused, let user, user.mayAccept() else { return }
            do {
                guard let (accepted, peer) = try Socket.accept(descriptor) else { return user.nobodyWaits() }
                try user.accepted(accepted, peer)
            } catch {
                if !user.acceptFailed(error) { return pauseForAMoment() }
            }
        }
    }

    /// Stops accepting until ``resume()``.
    package func pause() {
        guard !isClosed else { return }
        isPaused = true
        loop.modify(descriptor, events: [])
    }

    package func pauseForAMoment() {
        pause()
        loop.schedule(after: Self.pauseAfterFailure) { [weak self] in self?.resume() }
    }

    package func resume() {
        guard !isClosed else { return }
        isPaused = false
        loop.modify(descriptor, events: .readable)
    }

    // MARK: Turning away

    /// Closes the connection of the client that has waited longest, by means of the spare descriptor, when the process
    /// is out of descriptors. Returns `false` if there is no spare descriptor either.
    package func turnAway() -> Bool {
        if spare >= 0 { Socket.close(spare) }
        let accepted = (try? Socket.accept(descriptor)) ?? nil
        if let accepted { Socket.close(accepted.fd) }
        openSpare()
        return accepted != nil && spare >= 0
    }

    private func openSpare() { spare = open("/dev/null", O_RDONLY | O_CLOEXEC) }

    package func close() {
        guard !isClosed else { return }
        loop.deregister(descriptor)
        closeDescriptors()
        user = nil
    }

    private func closeDescriptors() {
        guard !isClosed else { return }
        isClosed = true
        Socket.close(descriptor)
        if spare >= 0 { Socket.close(spare) }
    }
}
