import Glibc
import TelemetryBase
import TelemetryIO

/// The part of a server that belongs to one loop: its connections.
final class HTTPServerCore {
    /// The maximum size of a buffer that is kept for the next response.
    private static let keptOutput = 256 * 1024

    let loop: EventLoop
    let configuration: HTTPServer.Configuration
    let handler: HTTPHandler
    let count = HTTPCount()
    /// The buffer into which all connections receive; incomplete requests are copied to the connection's own memory.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 4096)
    private let slots: HTTPSlots
    /// The bytes that the connections of this loop use, and their limit.
    private(set) var heldBytes = 0
    private let maxHeldBytes: Int
    private var nextRelief: ContinuousClock.Instant
    /// The connections that were waiting for their clients at the last scan, with the time since when, the longest at
    /// the end.
    private var longestWaiting: [(connection: HTTPConnection, since: ContinuousClock.Instant)] = []
    private var connections: [Int32: HTTPConnection] = [:]
    /// A buffer that a connection borrows while it responds, so that an idle connection needs none.
    private var spareOutput = ByteQueue()
    private var isStopping = false
    private var whenEmpty: [() -> Void] = []
    private var common: [UInt8] = []
    private var commonSecond = -1

    init(
        loop: EventLoop, configuration: HTTPServer.Configuration, handler: HTTPHandler, slots: HTTPSlots, heldBytes: Int
    ) {
        self.loop = loop
        self.configuration = configuration
        self.handler = handler
        self.slots = slots
        maxHeldBytes = heldBytes
        nextRelief = loop.now
    }

    deinit { scratch.deallocate() }

    // MARK: Connections

    func adopt(_ descriptor: Int32, _ peer: SocketAddress) {
        let connection = HTTPConnection(descriptor: descriptor, peer: peer, core: self)
        guard !isStopping, (try? loop.register(descriptor, events: .readable, handler: connection)) != nil else {
            Socket.close(descriptor)
            return released()
        }
        connections[descriptor] = connection
    }

    /// Closes up to `count` connections that have waited for their clients since before `now`, the longest first;
    /// returns the number closed.
    func closeLongestWaiting(_ count: Int, before now: ContinuousClock.Instant) -> Int {
        var closed = 0
        var hasLooked = false
        while closed < count {
            if longestWaiting.isEmpty {
                if hasLooked { break }
                hasLooked = true
                // A few at a time, so that a flood does not cause a scan of all connections for each new one.
                let waiting = connections.values.compactMap { connection in
                    connection.waitingSince.flatMap { $0 < now ? (connection, $0) : nil }
                }
                longestWaiting = Array(waiting.sorted { $0.1 < $1.1 }.prefix(64).reversed())
            }
            guard let (connection, since) = longestWaiting.popLast(), connection.waitingSince == since else { continue }
            // Its request has arrived and is read in a moment.
            if connection.isResting, Socket.hasInput(connection.descriptor) { continue }
            configuration.counters.closed(.connectionLimit)
            connection.close(.closed)
            closed += 1
        }
        return closed
    }

    // MARK: Memory

    /// Called when a connection uses more or less memory than before.
    func heldBytesChanged(by change: Int) {
        heldBytes += change
        guard change > 0, heldBytes > maxHeldBytes, loop.now >= nextRelief else { return }
        nextRelief = loop.now + .milliseconds(10)
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.relieveMemory() }
    }

    private func relieveMemory() {
        guard heldBytes > maxHeldBytes else { return }
        // A response may be large: its client gets time to begin to read while the limit allows it.
        let patience: Duration = heldBytes > 2 * maxHeldBytes ? .zero : .seconds(5)
        let holders = connections.values.compactMap { connection in connection.memoryHolder(patience: patience) }
        let victims = MemoryPressure.victims(of: holders, held: heldBytes, limit: maxHeldBytes)
        for connection in victims { connection.giveUpMemory() }
    }

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.descriptor) != nil else { return }
        released()
        if isStopping, connections.isEmpty { finishShutdown() }
    }

    private func released() {
        count.add(-1)
        configuration.counters.ended()
        slots.free()
    }

    func repeatTimeouts() {
        loop.schedule(after: .seconds(1)) { [weak self] in
            // This also applies while stopping: a client that has its response and does not disconnect is not waited
            // for.
            guard let self, !isStopping || !connections.isEmpty else { return }
            longestWaiting = []
            for connection in connections.values { connection.checkTimeouts() }
            relieveMemory()
            repeatTimeouts()
        }
    }

    // MARK: Ending

    func shutdown(within limit: Duration, done: @escaping () -> Void) {
        whenEmpty.append(done)
        isStopping = true
        for connection in connections.values { connection.closeAfterRequest() }
        if connections.isEmpty { return finishShutdown() }
        loop.schedule(after: limit) { [self] in
            for connection in connections.values { connection.close(.shutdown) }
        }
    }

    private func finishShutdown() {
        let waiting = whenEmpty
        whenEmpty = []
        for done in waiting { done() }
    }

    // MARK: Answers

    func lendOutput(to output: inout ByteQueue) {
        if output.capacity == 0 { swap(&output, &spareOutput) }
    }

    /// The queue must be empty.
    func takeBackOutput(from output: inout ByteQueue) {
        if spareOutput.capacity == 0, output.capacity <= Self.keptOutput { swap(&output, &spareOutput) }
        output.releaseIfEmpty()
    }

    /// The header fields of every response, created once per second: `Date` (RFC 9110 section 5.6.7), `Server`, and
    /// `X-Content-Type-Options`, so that no browser interprets text, JSON or an error as a page or a script because of
    /// its content.
    func commonFields() -> [UInt8] {
        let now = time(nil)
        if now != commonSecond {
            commonSecond = now
            let date = Timestamp(nanoseconds: Int64(now).multipliedClamped(by: 1_000_000_000)).httpDate
            common = Array(
                "\r\nDate: \(date)\r\nServer: \(configuration.name)\r\nX-Content-Type-Options: nosniff".utf8)
        }
        return common
    }
}
