import Testing

@testable import TelemetryBase
@testable import TelemetryIO

@Suite("Who is closed when connections hold too much")
struct MemoryPressureTests {
    private func holder(_ id: String, _ bytes: Int, _ age: Duration) -> MemoryPressure.Holder<String> {
        MemoryPressure.Holder(id: id, bytes: bytes, age: age)
    }

    private func victims(_ holders: [MemoryPressure.Holder<String>], limit: Int) -> [String] {
        MemoryPressure.victims(of: holders, held: holders.reduce(0) { $0 + $1.bytes }, limit: limit)
    }

    @Test("within the limit nobody is, beyond it as few as bring the rest to seven eighths")
    func amount() {
        let holders = (0..<10).map { holder("\($0)", 100, .seconds($0 + 1)) }
        #expect(victims(holders, limit: 1000) == [])
        #expect(victims(holders, limit: 999) == ["9", "8"])
        #expect(victims(holders, limit: 800) == ["9", "8", "7"])
        #expect(victims([holder("only", 5000, .zero)], limit: 800) == ["only"])
    }

    @Test("one that stalls goes before one that holds as much for an instant, and much before little")
    func order() {
        #expect(
            victims([holder("quick", 600, .milliseconds(2)), holder("stalled", 500, .seconds(20))], limit: 1000) == [
                "stalled"
            ])
        #expect(
            victims([holder("small", 10, .seconds(20)), holder("large", 1000, .seconds(20))], limit: 1000) == ["large"])
        // All came at once: the largest.
        #expect(
            victims([holder("a", 300, .zero), holder("b", 500, .zero), holder("c", 400, .zero)], limit: 1100) == ["b"])
    }

    @Test("an event is reported at once, then once per interval with the number left out")
    func reports() {
        var limit = ReportLimit(interval: .seconds(10))
        let start = ContinuousClock.now
        #expect(limit.take(now: start) == 0)
        for n in 1...5 { #expect(limit.take(now: start + .seconds(n)) == nil) }
        #expect(limit.take(now: start + .seconds(10)) == 5)
        #expect(limit.take(now: start + .seconds(11)) == nil)
        #expect(limit.take(now: start + .seconds(30)) == 1)
    }

    @Test("a queue that held much and holds little gives the memory back, with its bytes kept")
    func excess() {
        var queue = ByteQueue()
        queue.append([UInt8](repeating: 7, count: 1 << 20))
        queue.releaseExcess(above: 4096)
        #expect(queue.count == 1 << 20)
        queue.consume((1 << 20) - 100)
        queue.releaseExcess(above: 4096)
        #expect(queue.capacity <= 4096 && Array(queue.bytes) == [UInt8](repeating: 7, count: 100))
        queue.append([1, 2, 3])
        #expect(queue.bytes.suffix(4).elementsEqual([7, 1, 2, 3]))
        queue.consume(103)
        queue.releaseExcess(above: 4096)
        #expect(queue.capacity == 0)
    }

    @Test(
        "descriptors are kept for files, and some of them for probes",
        arguments: [16, 80, 256, 1024, Int32.max] as [Int32])
    func descriptors(limit: Int32) {
        let share = DescriptorShare(limit: limit)
        #expect(share.firstKept < share.end && share.end < limit)
        #expect(limit - share.firstKept <= max(64, limit / 4))
    }
}
