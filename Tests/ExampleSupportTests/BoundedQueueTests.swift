import Testing

@testable import ExampleSupport

@Suite("Bounded queue")
struct BoundedQueueTests {
    @Test("everything arrives once and in order, and never more is held than the capacity")
    func order() async {
        let queue = BoundedQueue<Int>(capacity: 3)
        async let sent: Bool = {
            for i in 0..<10_000 {
                guard await queue.send(i) else { return false }
                if queue.count > 3 { return false }
            }
            queue.finish()
            return true
        }()
        var expected = 0
        while let value = await queue.next() {
            #expect(value == expected)
            expected += 1
        }
        #expect(await sent)
        #expect(expected == 10_000)
    }

    @Test("what was sent before the end can still be received")
    func finish() async {
        let queue = BoundedQueue<Int>(capacity: 2)
        #expect(await queue.send(1))
        queue.finish()
        #expect(await queue.next() == 1)
        #expect(await queue.next() == nil)
    }

    @Test("an abort frees a sender that waits, and says that nothing was taken")
    func abort() async {
        let queue = BoundedQueue<Int>(capacity: 1)
        #expect(await queue.send(1))
        async let second = queue.send(2)
        queue.abort()
        #expect(await second == false)
        #expect(await queue.next() == nil)
    }

    @Test("a cancelled task still hands over what it holds")
    func cancelled() async {
        let queue = BoundedQueue<Int>(capacity: 1)
        #expect(await queue.send(1))
        let task = Task { await queue.send(2) }
        task.cancel()
        #expect(await queue.next() == 1)
        #expect(await queue.next() == 2)
        #expect(await task.value)
    }
}
