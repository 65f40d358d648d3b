import BenchmarkSupport
import CLinux
import Glibc
import TelemetryIO

/// Publishes at a steady rate on one connection and measures how long each message takes to come out at another.
struct LatencyLoad {
    var peer: Peer
    var port: Int
    var payloadBytes: Int
    /// Messages a second.
    var rate: Int
    var count: Int

    func run() {
        let subscriber = connectToLoopback(port)
        switch peer {
        case .mq:
            sendAll(subscriber, framed(Array(#"{"type":"subscribe","subscriber_id":"latency","offset":-1}"#.utf8)))
        case .nats:
            sendAll(subscriber, Array("CONNECT {\"verbose\":false,\"headers\":true}\r\nSUB delivered 1\r\n".utf8))
        default: fail("latency is measured of mq and nats")
        }
        if peer == .nats {
            let config =
                #"{"stream_name":"bench","config":{"deliver_subject":"delivered","deliver_policy":"new","ack_policy":"none"}}"#
            sendAll(
                subscriber,
                Array(
                    "SUB created 2\r\nPUB $JS.API.CONSUMER.CREATE.bench created \(config.utf8.count)\r\n\(config)\r\n"
                        .utf8))
        }
        usleep(300_000)
        var receiver = pthread_t()
        let state = State(fd: subscriber, count: count)
        pthread_create(
            &receiver, nil,
            {
                Unmanaged<State>.fromOpaque($0!).takeRetainedValue().receive()
                return nil
            }, Unmanaged.passRetained(state).toOpaque())
        publish()
        pthread_join(receiver, nil)
        let sorted = state.latencies.sorted()
        func quantile(_ q: Double) -> Double {
            Double(sorted[min(sorted.count - 1, Int(q * Double(sorted.count)))]) / 1000
        }
        report([
            "messages": Double(count), "p50_us": quantile(0.5), "p99_us": quantile(0.99), "p999_us": quantile(0.999),
            "max_us": quantile(1),
        ])
    }

    /// Behind it in a payload stand the 19 digits of the time when it was sent.
    fileprivate static let mark = Array("\"sent\":".utf8)

    private func publish() {
        let fd = connectToLoopback(port)
        sendAll(fd, peer.greeting(0))
        var payload = Peer.payload(payloadBytes - 28)
        payload = Array("{\"sent\":1000000000000000000,".utf8) + payload.dropFirst()
        let frame = peer.publishFrame(payload: payload, perFrame: 1, connection: 0)
        guard let at = find(Self.mark, in: frame) else { fail("no mark in the payload") }
        var frameNow = frame
        let drain = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 64)
        let start = nanoseconds() + 1_000_000
        for i in 0..<count {
            let due = start + i * 1_000_000_000 / rate
            var time = timespec(tv_sec: due / 1_000_000_000, tv_nsec: due % 1_000_000_000)
            clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &time, nil)
            var value = nanoseconds() + 1_000_000_000_000_000_000
            for k in stride(from: 18, through: 0, by: -1) {
                frameNow[at + k] = UInt8(48 + value % 10)
                value /= 10
            }
            sendAll(fd, frameNow)
            if i % 64 == 0 { _ = try? Socket.read(fd, into: drain) }
        }
    }

    private final class State: @unchecked Sendable {
        // Used by the receiving thread until it is joined.
        let fd: Int32
        let count: Int
        var latencies: [Int] = []

        init(fd: Int32, count: Int) {
            self.fd = fd
            self.count = count
        }

        func receive() {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
            var held = 0
            while latencies.count < count {
                guard
                    let got = must(
                        "receive",
                        { try Socket.read(fd, into: UnsafeMutableRawBufferPointer(rebasing: buffer[held...])) })
                else {
                    wait(fd, for: POLLIN)
                    continue
                }
                guard got > 0 else { fail("the peer closed the connection after \(latencies.count) messages") }
                let now = nanoseconds()
                var bytes = UnsafeRawBufferPointer(rebasing: buffer[..<(held + got)])
                while let at = find(LatencyLoad.mark, in: bytes), at + 19 <= bytes.count {
                    guard let sent = number(bytes, at, at + 19) else { fail("no time in the payload") }
                    latencies.append(now - (sent - 1_000_000_000_000_000_000))
                    bytes = UnsafeRawBufferPointer(rebasing: bytes[(at + 19)...])
                }
                // The mark may be divided.
                held = min(bytes.count, 32)
                memmove(buffer.baseAddress!, bytes.baseAddress! + bytes.count - held, held)
            }
        }
    }
}

/// Behind the first occurrence.
private func find(_ needle: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int? {
    var from = 0
    while from + needle.count <= bytes.count,
        let found = memchr(bytes.baseAddress! + from, Int32(needle[0]), bytes.count - from)
    {
        let at = UnsafeRawPointer(found) - bytes.baseAddress!
        if at + needle.count <= bytes.count, memcmp(found, needle, needle.count) == 0 { return at + needle.count }
        from = at + 1
    }
    return nil
}

private func find(_ needle: [UInt8], in bytes: [UInt8]) -> Int? {
    bytes.withUnsafeBytes { find(needle, in: $0) }
}
