import Glibc
import Synchronization
import Testing

@testable import TelemetryBase
@testable import TelemetryIO

@Suite("The event loop", .timeLimit(.minutes(20)))
struct EventLoopTests {
    @Test("work runs on the loop's thread, in the order of the calls")
    func order() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        let seen = Mutex<[Int]>([])
        for n in 0..<1000 {
            loop.execute {
                loop.assertOnLoop()
                seen.withLock { $0.append(n) }
            }
        }
        #expect(try await loop.perform { loop.isOnLoop })
        #expect(seen.withLock { $0 } == Array(0..<1000))
        #expect(!loop.isOnLoop)
    }

    @Test("timers fire in the order of their deadlines, not early, and not where they were cancelled")
    func timers() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        let start = ContinuousClock.now
        let fired = Mutex<[Int]>([])
        await withCheckedContinuation { continuation in
            loop.execute {
                var cancelled: [TimerID] = []
                for milliseconds in [30, 10, 20, 0, 40] {
                    loop.schedule(after: .milliseconds(milliseconds)) {
                        #expect(ContinuousClock.now - start >= .milliseconds(milliseconds))
                        fired.withLock { $0.append(milliseconds) }
                        if milliseconds == 40 { continuation.resume() }
                    }
                    cancelled.append(
                        loop.schedule(after: .milliseconds(milliseconds)) { fired.withLock { $0.append(-1) } })
                }
                for timer in cancelled { loop.cancel(timer) }
            }
        }
        #expect(fired.withLock { $0 } == [0, 10, 20, 30, 40])
    }

    @Test("the heap of timers gives back what was put in by deadline and then by age, whatever was removed")
    func heap() {
        var heap = TimerHeap()
        let start = ContinuousClock.now
        let fired = Mutex<[Int]>([])
        var kept: [(Int, Int)] = []
        for n in 0..<2000 {
            let delay = (n * 7919) % 97
            let id = heap.insert(at: start + .milliseconds(delay)) { fired.withLock { $0.append(n) } }
            if n % 3 == 0 { heap.remove(id) } else { kept.append((delay, n)) }
        }
        while let work = heap.popDue(start + .milliseconds(97)) { work() }
        #expect(fired.withLock { $0 } == kept.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.1))
        #expect(heap.nextDeadline == nil)
    }

    private final class Reader: EventHandler {
        let descriptor: Int32
        let loop: EventLoop
        let heard: @Sendable (String?) -> Void

        init(descriptor: Int32, loop: EventLoop, heard: @escaping @Sendable (String?) -> Void) {
            self.descriptor = descriptor
            self.loop = loop
            self.heard = heard
        }

        func ready(_ events: EventSet) {
            var buffer = [UInt8](repeating: 0, count: 100)
            let count = read(descriptor, &buffer, buffer.count)
            heard(count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil)
            guard count <= 0 else { return }
            loop.deregister(descriptor)
            close(descriptor)
        }
    }

    @Test("a handler hears of its descriptor until it is deregistered, and of the other side's end")
    func descriptors() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        var ends = [Int32](repeating: 0, count: 2)
        try #require(pipe(&ends) == 0)
        let (input, output) = (ends[0], ends[1])
        let (stream, heard) = AsyncStream<String?>.makeStream()
        try await loop.perform {
            try loop.register(
                input, events: .readable, handler: Reader(descriptor: input, loop: loop) { heard.yield($0) })
        }
        var iterator = stream.makeAsyncIterator()
        for word in ["one", "two"] {
            _ = word.withCString { write(output, $0, 3) }
            let next = await iterator.next()
            #expect(next == .some(.some(word)))
        }
        close(output)
        let last = await iterator.next()
        #expect(last == .some(.none))
    }

    @Test("work that was handed over before the stop runs, and the thread ends")
    func stop() async throws {
        let loop = try EventLoop.start(name: "test")
        await withCheckedContinuation { continuation in
            loop.execute { continuation.resume() }
            loop.stop()
        }
    }

    @Test("a timer of any duration can be set, and the loop goes on")
    func endlessTimers() async throws {
        let loop = try EventLoop.start(name: "test")
        defer { loop.stop() }
        let fired = try await loop.perform {
            for duration in [
                Duration.seconds(Int64.max), .seconds(Int64.max) * 18, .nanoseconds(Int64.max),
                .zero - .seconds(Int64.max),
            ] {
                loop.schedule(after: duration) {}
            }
            return true
        }
        #expect(fired)
        // The loop has waited for the earliest of them.
        try await loop.perform {}
    }

    @Test(
        "a port that is none is refused, and not taken modulo 65536", arguments: [-1, 65536, 70_000, Int.max, Int.min])
    func ports(port: Int) {
        #expect(throws: AddressError.self) { try SocketAddress.resolve(host: "127.0.0.1", port: port) }
    }
}
