import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryPromQL
@testable import TelemetryScraping
@testable import TelemetryStores

@Suite("Columns of the memory store")
struct MemoryColumnTests {
    private static let counts = [1, 2, 3, 63, 64, 65, 127, 512, 1024]

    /// Lists of numbers of many kinds, the hostile among them: by every seed others.
    private static func lists(seed: UInt64) -> [[Int64]] {
        var random = SeededRandom(seed: seed)
        var lists: [[Int64]] = []
        for count in counts {
            let width = Int64.random(in: 0..<62, using: &random)
            func any() -> Int64 { Int64(bitPattern: random.next()) }
            let constant = any()
            lists.append([Int64](repeating: constant, count: count))
            lists.append((0..<count).map { _ in any() })
            lists.append((0..<count).map { _ in any() >> width })
            lists.append((0..<count).map { Int64($0) &* constant })
            lists.append((0..<count).map { Int64($0) * 1_000_000_000 &+ any() >> width })
            lists.append((0..<count).map { $0 % 2 == 0 ? .min : .max })
            // Mostly calm, and now and then far out.
            lists.append(
                (0..<count).map { _ in
                    Int.random(in: 0..<40, using: &random) == 0 ? any() : Int64.random(in: 0..<5, using: &random)
                })
            var sum: Int64 = 0
            lists.append(
                (0..<count).map { _ in
                    sum &+= Int64.random(in: -3...3, using: &random)
                    return sum
                })
            var step: Int64 = 0
            lists.append(
                (0..<count).map { _ in
                    step &+= any() >> 50
                    sum &+= step
                    return sum
                })
        }
        return lists
    }

    @Test("integers come back, whatever they are and whichever predictor is taken", arguments: 1...20)
    func integers(_ seed: UInt64) {
        for list in Self.lists(seed: seed) {
            let plans = list.withUnsafeBufferPointer {
                [
                    IntegerColumn.planTimes($0, rounding: 1_000_000), IntegerColumn.planTimes($0, rounding: 1),
                    IntegerColumn.planValues($0),
                    IntegerColumn.planBits($0),
                ]
            }
            var bytes: [UInt8] = []
            for plan in plans {
                // One behind the other, so that the length that reading returns is held to what was written.
                list.withUnsafeBufferPointer { IntegerColumn.write(plan, $0, to: &bytes) }
            }
            #expect(bytes.count == plans.reduce(0) { $0 + IntegerColumn.byteCount($1, count: list.count) })
            bytes += [UInt8](repeating: 0xA5, count: IntegerColumn.padding)
            var offset = 0
            for plan in plans {
                let read = [Int64](unsafeUninitializedCapacity: list.count) { buffer, count in
                    offset += bytes.withUnsafeBytes {
                        IntegerColumn.read(list.count, from: $0.baseAddress! + offset, into: buffer.baseAddress!)
                    }
                    count = list.count
                }
                #expect(read == list, "seed \(seed), \(list.count) numbers, \(plan)")
            }
        }
    }

    private static func returned(_ values: [Double]) -> (bits: [UInt64], bytes: Int) {
        let bytes = values.withUnsafeBufferPointer(ValueColumn.encode)
        let read = [Double](unsafeUninitializedCapacity: values.count) { buffer, count in
            bytes.withUnsafeBytes { ValueColumn.decode(values.count, from: $0.baseAddress!, into: buffer.baseAddress!) }
            count = values.count
        }
        return (read.map(\.bitPattern), bytes.count)
    }

    @Test("values come back to the last bit", arguments: 1...20)
    func values(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        func anyFinite() -> Double {
            while true {
                let value = Double(bitPattern: random.next())
                if value.isFinite { return value }
            }
        }
        let odd: [Double] = [
            0, -0.0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude,
            -.greatestFiniteMagnitude,
            0x1p53, 0x1p53 - 1, 0x1p53 + 2, -0x1p53, 0x1p63, -0x1p63, 0x1p64, 1e15, 1e-9, 1e-10, 0.1, 0.1 + 0.2,
            1 / 3.0, 123456.789, 4503599627370497.5,
        ]
        for count in Self.counts {
            let decimals = Int.random(in: 0...12, using: &random)
            let power = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
            let few = (0..<Int.random(in: 1...40, using: &random)).map { _ in anyFinite() }
            let level = anyFinite()
            let lists: [[Double]] = [
                (0..<count).map { _ in anyFinite() },
                (0..<count).map { _ in odd.randomElement(using: &random)! },
                (0..<count).map { _ in few.randomElement(using: &random)! },
                (0..<count).map { _ in Double(Int.random(in: -100_000...700_000, using: &random)) / power },
                (0..<count).map { _ in Double(Int64.random(in: -1 << 53...1 << 53, using: &random)) / power },
                (0..<count).map { _ in level * Double.random(in: 0.9...1.1, using: &random) },
                (0..<count).map { Double($0) * 1e6 },
                (0..<count).map { $0 == count / 2 ? -0.0 : 0.0 },
                (0..<count).map { $0 == count / 2 ? odd.randomElement(using: &random)! : 97 },
            ]
            for list in lists where list.allSatisfy(\.isFinite) {
                let (bits, bytes) = Self.returned(list)
                #expect(bits == list.map(\.bitPattern), "seed \(seed), \(count) values")
                // What cannot be compressed does not grow by more than the header.
                #expect(bytes <= 8 * count + IntegerColumn.header + IntegerColumn.padding + 2)
            }
        }
    }

    @Test("each form is taken where it is the shortest")
    func forms() {
        var random = SeededRandom(seed: 4)
        func bytes(_ value: () -> Double) -> Int { Self.returned((0..<512).map { _ in value() }).bytes }
        let frame = 20 + 8 + 2
        #expect(bytes { 2619 } == 9)
        #expect(bytes { Double(Int.random(in: 96...99, using: &random)) } == 512 * 2 / 8 + frame)
        // Two values far apart: one bit each, and the two.
        #expect(bytes { Bool.random(using: &random) ? 4 : 77_413.625 } == 512 / 8 + 16 + frame)
        // Milliwatts between 500 and 500 + 2^14.
        #expect(bytes { Double(500_000 + Int.random(in: 0..<16_384, using: &random)) / 1000 } <= 512 * 14 / 8 + frame)
        var total = 0.0
        #expect(
            bytes {
                total += 1500
                return total
            } == frame)
        // 52 random bits and a common exponent.
        #expect(bytes { Double.random(in: 1..<2, using: &random) } <= 512 * 53 / 8 + frame)
    }

    private static func returned(_ times: [Int64]) -> [Int64] {
        let column = times.withUnsafeBufferPointer(TimeColumn.init)
        return [Int64](unsafeUninitializedCapacity: times.count) { buffer, count in
            column.read(from: times[0], into: buffer.baseAddress!)
            count = times.count
        }
    }

    @Test("times come back, whatever their steps", arguments: 1...20)
    func times(_ seed: UInt64) {
        for list in Self.lists(seed: seed) {
            let times = Array(Set(list)).sorted()
            #expect(Self.returned(times) == times, "seed \(seed), \(times.count) times")
        }
        var random = SeededRandom(seed: seed)
        for unit in [1, 1000, 1_000_000, 1_000_000_000] as [Int64] {
            var time = Int64(bitPattern: random.next()) >> 2
            let times = (0..<512).map { _ in
                time += unit * Int64.random(in: 1...20, using: &random)
                return time
            }
            #expect(Self.returned(times) == times)
        }
    }

    private static func bytes(_ times: [Int64]) -> Int { times.withUnsafeBufferPointer(TimeColumn.init).byteCount }

    @Test("regular times take nothing, missed scrapes little, and jitter its own bits")
    func timeSizes() {
        var random = SeededRandom(seed: 5)
        let second: Int64 = 1_000_000_000
        let regular = (0..<512).map { StoreSamples.start + Int64($0) * second }
        let empty = Self.bytes([0])
        #expect(Self.bytes(regular) == empty)
        #expect(Self.bytes(regular.map { $0 / second }) == empty)
        let missed = regular.filter { ![100 * second, 101 * second, 300 * second].contains($0 - StoreSamples.start) }
        #expect(Self.bytes(missed) <= empty + 2 * 10 + 16)
        let jitter = regular.map { $0 + Int64.random(in: -300_000...300_000, using: &random) }
        #expect(Self.bytes(jitter) <= empty + 512 * 20 / 8 + 16)
        let milliseconds = regular.map { $0 + 1_000_000 * Int64.random(in: -1...1, using: &random) }
        #expect(Self.bytes(milliseconds) <= empty + 512 * 2 / 8 + 16)
    }

    @Test("equal times are kept once, for as long as a block uses them")
    func sharing() {
        let columns = TimeColumns()
        func column(_ times: [Int64]) -> TimeColumn { times.withUnsafeBufferPointer(columns.column) }
        let a = column([1, 5, 7])
        let other = column([1, 5, 8])
        let b = column([-9, -5, -3])
        #expect(a === b && a !== other)
        #expect(columns.byteCount == a.byteCount + other.byteCount)
        columns.release(a)
        #expect(column([11, 15, 17]) === a)
        columns.release(a)
        columns.release(a)
        #expect(columns.byteCount == other.byteCount)
        #expect(column([1, 5, 7]) !== a)
        columns.release(other)
        #expect(columns.byteCount == a.byteCount)
    }
}
