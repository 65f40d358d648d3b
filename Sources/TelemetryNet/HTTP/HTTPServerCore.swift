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
    private var connections: [Int32: HTTPConnection] = [:]
    /// Memory that a connection borrows while it answers, so that one at rest holds none.
    private var spareOutput = ByteQueue()
    private var isStopping = false
    private var whenEmpty: [() -> Void] = []
    private var common: [UInt8] = []
    private var commonSecond = -1

    init(loop: EventLoop, configuration: HTTPServer.Configuration, handler: HTTPHandler, room: HTTPRoom) {
        self.loop = loop
        self.configuration = configuration
        self.handler = handler
        self.room = room
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

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.descriptor) != nil else { return }
        released()
        if isStopping, connections.isEmpty { finishShutdown() }
    }

    private func released() {
        count.add(-1)
        room.free()
    }

    func repeatTimeouts() {
        loop.schedule(after: .seconds(1)) { [weak self] in
            // Also while stopping: a client that has its answer and does not leave is not waited for.
            guard let self, !isStopping || !connections.isEmpty else { return }
            for connection in connections.values { connection.checkTimeouts() }
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
