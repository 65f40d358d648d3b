import Glibc

/// The part of a server that lives on one loop: its connections.
final class HTTPServerCore {
    /// More memory than this is not kept for the next answer.
    private static let keptOutput = 256 * 1024

    let loop: EventLoop
    let configuration: HTTPServer.Configuration
    let handler: HTTPHandler
    let count = HTTPCount()
    /// Where all connections receive; what is no whole request is copied to their own memory.
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 4096)
    private let room: HTTPRoom
    /// Bytes that the connections of this loop hold and may hold.
    private(set) var heldBytes = 0
    private let maxHeldBytes: Int
    private var nextRelief: ContinuousClock.Instant
    /// Of the connections that waited for their clients when it was last looked, the longest at the end, each with
    /// since when.
    private var longestWaiting: [(connection: HTTPConnection, since: ContinuousClock.Instant)] = []
    private var connections: [Int32: HTTPConnection] = [:]
    /// Memory that a connection borrows while it answers, so that one at rest holds none.
    private var spareOutput = ByteQueue()
    private var isStopping = false
    private var whenEmpty: [() -> Void] = []
    private var common: [UInt8] = []
    private var commonSecond = -1

    init(
        loop: EventLoop, configuration: HTTPServer.Configuration, handler: HTTPHandler, room: HTTPRoom, heldBytes: Int
    ) {
        self.loop = loop
        self.configuration = configuration
        self.handler = handler
        self.room = room
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

    /// Closes up to so many connections that have waited for their clients since before `now`, those that wait longest
    /// first; returns how many.
    func closeLongestWaiting(_ count: Int, before now: ContinuousClock.Instant) -> Int {
        var closed = 0
        var hasLooked = false
        while closed < count {
            if longestWaiting.isEmpty {
                if hasLooked { break }
                hasLooked = true
                // A few at a time, so that a flood does not have all connections looked at for each of its own.
                let waiting = connections.values.compactMap { connection in
                    connection.waitingSince.flatMap { $0 < now ? (connection, $0) : nil }
                }
                longestWaiting = Array(waiting.sorted { $0.1 < $1.1 }.prefix(64).reversed())
            }
            guard let (connection, since) = longestWaiting.popLast(), connection.waitingSince == since else { continue }
            // Its request has come and is read in a moment.
            if connection.isResting, Socket.hasInput(connection.descriptor) { continue }
            configuration.counters.closed(.connectionLimit)
            connection.close(.closed)
            closed += 1
        }
        return closed
    }

    // MARK: Memory

    /// Called when a connection holds more or less than before.
    func heldBytesChanged(by change: Int) {
        heldBytes += change
        guard change > 0, heldBytes > maxHeldBytes, loop.now >= nextRelief else { return }
        nextRelief = loop.now + .milliseconds(10)
        let bound = LoopBound(self, to: loop)
        loop.execute { bound.value.relieveMemory() }
    }

    private func relieveMemory() {
        guard heldBytes > maxHeldBytes else { return }
        // A response may be large: its client gets the time to begin to read, while there is room for that.
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
        room.free()
    }

    func repeatTimeouts() {
        loop.schedule(after: .seconds(1)) { [weak self] in
            // Also while stopping: a client that has its answer and does not leave is not waited for.
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

    /// The fields of every response, made once a second: `Date` (RFC 9110 section 5.6.7), `Server`, and `X-Content-Type-Options`, so that
    /// no browser takes a text, JSON or an error for a page or a script because of what is in it.
    func commonFields() -> [UInt8] {
        var now = time(nil)
        if now != commonSecond {
            commonSecond = now
            var parts = tm()
            gmtime_r(&now, &parts)
            let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
            let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
            let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
            common = Array("\r\nDate: \(day) \(clock) GMT\r\nServer: \(configuration.name)\r\nX-Content-Type-Options: nosniff".utf8)
        }
        return common
    }
}
