import BenchmarkSupport
import CLinux
import Glibc
import TelemetryIO

/// Reads everything that is stored, by several subscribers at once, on one thread.
struct ReplayLoad {
    var peer: Peer
    var port: Int
    var payloadBytes: Int
    /// Messages that are stored.
    var count: Int
    var subscribers: Int
    /// So many more subscribe and never read.
    var stopped: Int
    /// Of the stored frames, where they are sent as they are.
    var logBytes: Int

    private final class Subscriber {
        let fd: Int32
        let index: Int
        var bytes = 0
        var messages = 0
        var requested = 0
        var isDone = false
        /// Partly received: of the peers whose messages have to be told apart.
        var input = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        var held = 0
        var lastID = "0-0"
        /// The answer to the subscribe frame comes before the log's bytes.
        var answerBytes: Int?

        init(fd: Int32, index: Int) {
            self.fd = fd
            self.index = index
        }
    }

    /// Messages that a Redis or JetStream client asks for at a time: about 256 KiB, at most 1000.
    private var batch: Int { max(4, min(1000, 256 * 1024 / payloadBytes)) }

    func run() {
        let poller = Poller()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        let all = (0..<subscribers + stopped).map { Subscriber(fd: connectToLoopback(port), index: $0) }
        let start = nanoseconds()
        for subscriber in all {
            ask(subscriber)
            if subscriber.index < subscribers { poller.add(subscriber.fd, index: subscriber.index, readable) }
        }
        var left = subscribers
        while left > 0 {
            poller.wait { index, _ in
                let subscriber = all[index]
                guard !subscriber.isDone else { return }
                peer == .mq || peer == .bare ? receiveBytes(subscriber, buffer) : receiveMessages(subscriber)
                if subscriber.isDone {
                    left -= 1
                    poller.change(subscriber.fd, index: index, 0)
                }
            }
        }
        let seconds = Double(nanoseconds() - start) / 1e9
        report([
            "messages": Double(count * subscribers), "seconds": seconds,
            "bytes": Double(count * payloadBytes * subscribers),
            "wire_bytes": Double(all.reduce(0) { $0 + $1.bytes }),
        ])
    }

    private func ask(_ subscriber: Subscriber) {
        switch peer {
        case .mq:
            sendAll(
                subscriber.fd,
                framed(
                    Array("{\"type\":\"subscribe\",\"subscriber_id\":\"bench-\(subscriber.index)\",\"offset\":-2}".utf8)
                ))
        case .bare: break
        case .redis: readStream(subscriber)
        case .nats:
            sendAll(
                subscriber.fd,
                Array(
                    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\nSUB replay.\(subscriber.index) 1\r\n"
                        .utf8))
            pull(subscriber)
            pull(subscriber)
        }
        if peer != .mq, peer != .bare {
            subscriber.input = .allocate(byteCount: max(1 << 20, 4 * batch * (payloadBytes + 256)), alignment: 64)
        }
    }

    private func readStream(_ subscriber: Subscriber) {
        let id = subscriber.lastID
        sendAll(
            subscriber.fd,
            Array(
                "*6\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n$\(String(batch).utf8.count)\r\n\(batch)\r\n$7\r\nSTREAMS\r\n$5\r\nbench\r\n$\(id.utf8.count)\r\n\(id)\r\n"
                    .utf8))
    }

    private func pull(_ subscriber: Subscriber) {
        let wanted = min(batch, count - subscriber.requested)
        guard wanted > 0 else { return }
        let body = "{\"batch\":\(wanted)}"
        sendAll(
            subscriber.fd,
            Array(
                "PUB $JS.API.CONSUMER.MSG.NEXT.bench.c\(subscriber.index) replay.\(subscriber.index) \(body.utf8.count)\r\n\(body)\r\n"
                    .utf8))
        subscriber.requested += wanted
    }

    private func receiveBytes(_ subscriber: Subscriber, _ buffer: UnsafeMutableRawBufferPointer) {
        guard let count = must("receive", { try Socket.read(subscriber.fd, into: buffer) }) else { return }
        guard count > 0 else { fail("the peer closed the connection after \(subscriber.bytes) bytes") }
        subscriber.bytes += count
        if peer == .mq, subscriber.answerBytes == nil {
            subscriber.answerBytes = 4 + Int(UInt32(bigEndian: buffer.loadUnaligned(as: UInt32.self)))
        }
        subscriber.isDone = subscriber.bytes >= logBytes + (subscriber.answerBytes ?? 0)
    }

    private func receiveMessages(_ subscriber: Subscriber) {
        let free = UnsafeMutableRawBufferPointer(rebasing: subscriber.input[subscriber.held...])
        guard let count = must("receive", { try Socket.read(subscriber.fd, into: free) }) else { return }
        guard count > 0 else { fail("the peer closed the connection after \(subscriber.messages) messages") }
        subscriber.bytes += count
        let bytes = UnsafeRawBufferPointer(rebasing: subscriber.input[..<(subscriber.held + count)])
        let used = peer == .redis ? countEntries(bytes, subscriber) : countPulled(bytes, subscriber)
        subscriber.held = bytes.count - used
        if used > 0, subscriber.held > 0 {
            memmove(subscriber.input.baseAddress!, bytes.baseAddress! + used, subscriber.held)
        }
        subscriber.isDone = subscriber.messages >= self.count
    }

    private func countPulled(_ bytes: UnsafeRawBufferPointer, _ subscriber: Subscriber) -> Int {
        let (messages, used) = Peer.nats.countMessages(bytes, checks: [])
        let before = subscriber.messages / batch
        subscriber.messages += messages
        for _ in before..<subscriber.messages / batch { pull(subscriber) }
        return used
    }

    /// A whole answer to XREAD: `*1 *2 $5 bench *n` and of each entry `*2 $id *2 $1 d $payload`.
    private func countEntries(_ bytes: UnsafeRawBufferPointer, _ subscriber: Subscriber) -> Int {
        var at = 0
        func line() -> (kind: UInt8, value: Int)? {
            guard let end = endOfLine(bytes, at), let value = number(bytes, at + 1, end - 2) else { return nil }
            defer { at = end }
            return (bytes[at], value)
        }
        func string() -> Range<Int>? {
            guard let header = line(), at + header.value + 2 <= bytes.count else { return nil }
            defer { at += header.value + 2 }
            return at..<at + header.value
        }
        guard line() != nil, line() != nil, string() != nil, let entries = line() else { return 0 }
        var id = 0..<0
        for _ in 0..<entries.value {
            guard line() != nil, let entry = string(), line() != nil, string() != nil, string() != nil else { return 0 }
            id = entry
        }
        subscriber.messages += entries.value
        subscriber.lastID = String(decoding: bytes[id], as: UTF8.self)
        if subscriber.messages < count { readStream(subscriber) }
        return at
    }
}
