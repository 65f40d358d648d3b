import BenchmarkSupport
import CLinux
import Glibc
import TelemetryIO

/// Publishes over some connections from one thread. Each has so many frames on the way that are not answered yet.
struct PublishLoad {
    var peer: Peer
    var port: Int
    var payloadBytes: Int
    var count: Int
    var connections: Int
    /// Frames without an answer, on each connection.
    var window: Int
    var perFrame: Int
    /// Adds `producer_id` and a `sequence` that rises.
    var identified: Bool

    /// A stretch of equal frames that is sent again and again.
    private final class Connection {
        let fd: Int32
        let block: UnsafeMutableRawBufferPointer
        let frameBytes: Int
        /// Where in each frame the ten digits of the sequence stand.
        let digits: Int?
        var sequence = 1_000_000_000
        /// Answers to a frame of many Redis commands that are not all there.
        var partial = 0
        var blockPosition = 0
        /// Frames that may still be begun.
        var left: Int
        var sentBytes = 0
        var begun = 0
        var answered = 0
        let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 64)
        var held = 0
        var watchesWriting = false

        init(fd: Int32, frame: [UInt8], digits: Int?, left: Int) {
            self.fd = fd
            self.left = left
            self.digits = digits
            frameBytes = frame.count
            let copies = max(1, 256 * 1024 / frame.count)
            block = .allocate(byteCount: copies * frame.count, alignment: 64)
            for i in 0..<copies {
                UnsafeMutableRawBufferPointer(rebasing: block[(i * frame.count)...]).copyBytes(from: frame)
            }
        }

        /// The frames from the block's position on get the next sequence numbers.
        func number(_ frames: Int, from first: Int, step: Int) {
            guard let digits else { return }
            for i in 0..<frames {
                var value = sequence
                sequence += step
                let place = block.baseAddress! + (first + i) * frameBytes + digits
                for k in stride(from: 9, through: 0, by: -1) {
                    place.storeBytes(of: UInt8(48 + value % 10), toByteOffset: k, as: UInt8.self)
                    value /= 10
                }
            }
        }
    }

    func run() {
        let payload = Peer.payload(payloadBytes)
        let poller = Poller()
        let frames = count / perFrame
        let all = (0..<connections).map { index in
            let fd = connectToLoopback(port)
            sendAll(fd, peer.greeting(index))
            var frame = peer.publishFrame(payload: payload, perFrame: perFrame, connection: index)
            var digits: Int?
            if identified {
                let opening = Array(#"{"type":"publish","#.utf8)
                let identity = Array("\"producer_id\":\"producer-\(index)\",\"sequence\":1000000000,".utf8)
                frame = framed(opening + identity + frame[(4 + opening.count)...])
                digits = 4 + opening.count + identity.count - 11
            }
            let share = frames / connections + (index < frames % connections ? 1 : 0)
            return Connection(fd: fd, frame: frame, digits: digits, left: share)
        }
        for (index, connection) in all.enumerated() { poller.add(connection.fd, index: index, readable) }
        let start = nanoseconds()
        for (index, connection) in all.enumerated() { send(connection, index, poller) }
        var unfinished = all.filter { $0.left > 0 || $0.answered < $0.begun }.count
        while unfinished > 0 {
            poller.wait { index, events in
                let connection = all[index]
                if events & readable != 0 { receive(connection) }
                send(connection, index, poller)
                if connection.left == 0, connection.answered == connection.begun {
                    unfinished = all.filter { $0.left > 0 || $0.answered < $0.begun }.count
                }
            }
        }
        let seconds = Double(nanoseconds() - start) / 1e9
        let messages = frames * perFrame
        report(["messages": Double(messages), "seconds": seconds, "bytes": Double(messages * payloadBytes)])
    }

    private func send(_ connection: Connection, _ index: Int, _ poller: Poller) {
        let frameBytes = connection.frameBytes
        while true {
            // The rest of a frame that is begun, and as many more as the window and the block allow.
            let offsetInFrame = connection.blockPosition % frameBytes
            var bytes = offsetInFrame == 0 ? 0 : frameBytes - offsetInFrame
            let firstNew = (connection.blockPosition + bytes) / frameBytes
            let room = (connection.block.count / frameBytes) - firstNew
            let new = min(connection.left, window - (connection.begun - connection.answered), room)
            if new > 0 { bytes += new * frameBytes }
            if bytes == 0 { return watch(connection, index, poller, writing: false) }
            if new > 0 {
                let saved = connection.sequence
                connection.number(new, from: firstNew, step: perFrame)
                if connection.digits != nil { connection.sequence = saved }
            }
            let part = UnsafeRawBufferPointer(
                rebasing: connection.block[connection.blockPosition..<connection.blockPosition + bytes])
            guard let sent = must("send", { try Socket.write(connection.fd, part) }) else {
                return watch(connection, index, poller, writing: true)
            }
            let before = connection.blockPosition
            connection.blockPosition += sent
            let begunNow =
                (connection.blockPosition + frameBytes - 1) / frameBytes - (before + frameBytes - 1) / frameBytes
            connection.begun += begunNow
            connection.left -= begunNow
            connection.sequence += begunNow * perFrame
            if connection.blockPosition == connection.block.count { connection.blockPosition = 0 }
            if sent < bytes { return watch(connection, index, poller, writing: true) }
        }
    }

    private func watch(_ connection: Connection, _ index: Int, _ poller: Poller, writing: Bool) {
        guard writing != connection.watchesWriting else { return }
        connection.watchesWriting = writing
        poller.change(connection.fd, index: index, writing ? readable | writable : readable)
    }

    private func receive(_ connection: Connection) {
        let free = UnsafeMutableRawBufferPointer(rebasing: connection.input[connection.held...])
        guard let count = must("receive", { try Socket.read(connection.fd, into: free) }) else { return }
        guard count > 0 else { fail("the peer closed the connection") }
        let bytes = UnsafeRawBufferPointer(rebasing: connection.input[..<(connection.held + count)])
        let (answers, used) = peer.countAnswers(bytes)
        // A Redis frame of many commands gets an answer to each.
        if peer == .redis, perFrame > 1 {
            connection.partial += answers
            connection.answered += connection.partial / perFrame
            connection.partial %= perFrame
        } else {
            connection.answered += answers
        }
        connection.held = bytes.count - used
        if used > 0, connection.held > 0 {
            memmove(connection.input.baseAddress!, bytes.baseAddress! + used, connection.held)
        }
    }
}
