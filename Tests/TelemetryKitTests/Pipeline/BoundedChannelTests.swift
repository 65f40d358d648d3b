import Synchronization
import TelemetryPipeline
import Testing

@Suite("Bounded channel")
struct BoundedChannelTests {
    @Test("everything arrives once and in order, and the channel never has more than its capacity")
    func order() async {
        let channel = BoundedChannel<Int>(capacity: 3)
        async let sent: Bool = {
            for i in 0..<10_000 {
                guard await channel.send(i) else { return false }
                if channel.count > 3 { return false }
            }
            channel.finish()
            return true
        }()
        var expected = 0
        while let value = await channel.next() {
            #expect(value == expected)
            expected += 1
        }
        #expect(await sent)
        #expect(expected == 10_000)
    }

    @Test("what was sent before the end can still be received")
    func finish() async {
        let channel = BoundedChannel<Int>(capacity: 2)
        #expect(await channel.send(1))
        channel.finish()
        #expect(await channel.next() == 1)
        #expect(await channel.next() == nil)
    }

    @Test("an abort frees a sender that waits, and reports that the value was not taken")
    func abort() async {
        let channel = BoundedChannel<Int>(capacity: 1)
        #expect(await channel.send(1))
        async let second = channel.send(2)
        channel.abort()
        #expect(await second == false)
        #expect(await channel.next() == nil)
    }

    @Test("a cancelled task still hands over what it has")
    func cancelled() async {
        let channel = BoundedChannel<Int>(capacity: 1)
        #expect(await channel.send(1))
        let task = Task { await channel.send(2) }
        task.cancel()
        #expect(await channel.next() == 1)
        #expect(await channel.next() == 2)
        #expect(await task.value)
    }

    @Test("a sender that waits is called back at the beginning and every period, and goes on when there is space")
    func whileWaiting() async {
        let channel = BoundedChannel<Int>(capacity: 1)
        #expect(await channel.send(1))
        let calls = Mutex(0)
        async let sent = channel.send(2, every: .milliseconds(1)) { calls.withLock { $0 += 1 } }
        while calls.withLock({ $0 }) < 3 { await Task.yield() }
        #expect(channel.isSenderWaiting || channel.count == 1)
        #expect(await channel.next() == 1)
        #expect(await sent)
        #expect(await channel.next() == 2)
    }

    @Test("several tasks send and receive: every value arrives once")
    func manyTasks() async {
        let channel = BoundedChannel<Int>(capacity: 2)
        let sum = await withTaskGroup(of: Int.self) { group in
            for sender in 0..<4 {
                group.addTask {
                    for value in 0..<500 { await channel.send(sender * 500 + value) }
                    return 0
                }
            }
            for _ in 0..<4 {
                group.addTask {
                    var sum = 0
                    for _ in 0..<500 { sum += await channel.next() ?? 0 }
                    return sum
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sum == 1999 * 2000 / 2)
        #expect(channel.count == 0)
    }
}
