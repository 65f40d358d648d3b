import FaultSupport
import Testing

@testable import TelemetryBase

@Suite("The byte queue")
struct ByteQueueTests {
    @Test("any mix of appending, consuming and cutting leaves what an array would hold")
    func againstArray() {
        for seed in 1...40 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            var queue = ByteQueue()
            var model: [UInt8] = []
            for _ in 0..<400 {
                switch random.next() % 6 {
                case 0, 1:
                    let bytes = (0..<Int(random.next() % 300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                    queue.append(bytes)
                    model += bytes
                case 2:
                    let value = random.next() >> (random.next() % 64)
                    queue.appendDecimal(value)
                    model += Array(String(value).utf8)
                case 3:
                    let count = Int(random.next() % UInt64(model.count + 1))
                    queue.consume(count)
                    model.removeFirst(count)
                case 4:
                    let count = Int(random.next() % UInt64(model.count + 1))
                    queue.truncate(to: count)
                    model.removeLast(model.count - count)
                default:
                    queue.releaseIfEmpty()
                    guard model.count >= 4 else { break }
                    let (at, value) = (
                        Int(random.next() % UInt64(model.count - 3)), UInt32(truncatingIfNeeded: random.next())
                    )
                    queue.setUInt32(value, at: at)
                    withUnsafeBytes(of: value.bigEndian) { model.replaceSubrange(at..<at + 4, with: $0) }
                }
                #expect(Array(queue.bytes) == model, "seed \(seed)")
                #expect(queue.count == model.count)
                #expect(queue.isEmpty == model.isEmpty)
            }
        }
    }
}
