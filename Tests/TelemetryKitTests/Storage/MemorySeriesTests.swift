import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Series of the memory store")
struct MemorySeriesTests {
    private static let variants = (0..<3).map { StoredVariant(SuiteSamples.series(pod: "pod-\($0)")) }

    /// What was written into a series, held beside a dictionary.
    private struct Beside {
        let columns = TimeColumns()
        var stored = StoredSeries(MemorySeriesTests.variants[0].series)
        var expected: [Int64: (value: Double, series: MetricSeries)] = [:]

        mutating func write(_ samples: [(Int64, Double, Int)]) {
            var late: [StoredSeries.LateSample] = []
            for (time, value, variant) in samples {
                let series = MemorySeriesTests.variants[variant]
                expected[time] = (value, series.series)
                if !stored.append(time: time, value: value, series: series, columns: columns) {
                    late.append(StoredSeries.LateSample(time: time, value: value, series: series))
                }
            }
            stored.insert(late, columns: columns)
        }

        func snapshot(_ start: Int64 = .min, _ end: Int64 = .max) -> SeriesReader {
            SeriesReader(
                stored.snapshot(uuid: "GPU-a", from: start, through: end), SampleFilter(), from: start, through: end)
        }

        func check(_ note: Comment) {
            var reader = snapshot()
            let times = expected.keys.sorted()
            #expect(reader.count == times.count, note)
            guard reader.count == times.count else { return }
            let read = times.indices.map { reader.metric(at: $0) }
            #expect(read.map(\.timestamp.nanoseconds) == times, note)
            #expect(read.map(\.value) == times.map { expected[$0]!.value }, note)
            #expect(read.map(\.series) == times.map { expected[$0]!.series }, note)
            #expect(times.indices.map { reader.time(at: $0) } == times, note)
            for (older, newer) in zip(stored.sealed, stored.sealed.dropFirst()) {
                #expect(older.lastTime < newer.firstTime)
            }
            #expect(
                stored.sealed.allSatisfy {
                    $0.count <= 2 * SealedBlock.capacity && $0.lastTime < stored.open.firstTime
                }, note)
            #expect(
                stored.sealed.allSatisfy {
                    $0.minimum == $0.decoded().values.min() && $0.maximum == $0.decoded().values.max()
                }, note)
            let bytes = stored.sealed.reduce(stored.open.byteCount) { $0 + $1.byteCount }
            let empty = StoredSeries(MemorySeriesTests.variants[0].series).totalByteCount
            #expect(stored.totalByteCount == bytes + empty, note)
        }
    }

    @Test("samples stay what they are at every length of the blocks")
    func boundaries() {
        var beside = Beside()
        for tick in 0..<1300 {
            beside.write([(Int64(tick), Double(tick % 7), 0)])
            let open = StoredSeries.openCapacity
            if tick % open <= 2 || tick % open >= open - 2 { beside.check("after \(tick)") }
        }
        // Sealed piece by piece, they still are long.
        #expect(beside.stored.sealed.map(\.count) == [512, 512, 256])
        #expect(beside.stored.open.count == 20)
    }

    @Test(
        "late samples find their places: before all, between blocks, in the midst, in place of another",
        arguments: 1...4)
    func late(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var beside = Beside()
        var front: Int64 = 100_000
        for round in 0..<60 {
            var samples: [(Int64, Double, Int)] = []
            for _ in 0..<Int.random(in: 1...300, using: &random) {
                let time =
                    switch Int.random(in: 0..<10, using: &random) {
                    case 0: Int64.random(in: 0..<front, using: &random)
                    case 1: front - Int64.random(in: 0..<200, using: &random)
                    case 2: beside.expected.keys.randomElement(using: &random) ?? 0
                    default: front + 10
                    }
                front = max(front, time)
                let variant = round % 5 == 0 ? Int.random(in: 0..<3, using: &random) : 0
                samples.append((time, Double(Int.random(in: 0..<100, using: &random)), variant))
            }
            beside.write(samples)
            if round % 5 == 4 { beside.check("seed \(seed) round \(round)") }
        }
    }

    @Test("a series that is written backwards, one sample a batch, comes out in order")
    func backwards() {
        var beside = Beside()
        for tick in stride(from: 1500, to: 0, by: -1) { beside.write([(Int64(tick), Double(tick), tick % 3)]) }
        beside.check("backwards")
        // It is compressed all the same.
        #expect(beside.stored.open.count <= 2 * StoredSeries.openCapacity)
    }

    @Test("a sample that comes again changes nothing, not even the block")
    func redelivery() {
        var beside = Beside()
        let samples = (0..<1000).map { (Int64($0), Double($0), 0) }
        beside.write(samples)
        let blocks = beside.stored.sealed.map(ObjectIdentifier.init)
        beside.write(samples)
        #expect(beside.stored.sealed.map(ObjectIdentifier.init) == blocks)
        beside.check("again")
    }

    @Test("parts of a series are read from any time to any other")
    func ranges() {
        var random = SeededRandom(seed: 8)
        var beside = Beside()
        beside.write((0..<2000).map { (Int64($0) * 10, Double($0), 0) })
        let all = beside.expected.keys.sorted()
        for _ in 0..<300 {
            let start = Int64.random(in: -50...20_050, using: &random)
            let end = Int64.random(in: start...20_060, using: &random)
            var reader = beside.snapshot(start, end)
            let times = all.filter { $0 >= start && $0 <= end }
            #expect(reader.count == times.count)
            guard !times.isEmpty, reader.count == times.count else { continue }
            let index = Int.random(in: times.indices, using: &random)
            #expect(
                reader.metric(at: index).value == Double(times[index] / 10) && reader.time(at: index) == times[index])
            let time = Int64.random(in: -50...20_050, using: &random)
            #expect(reader.count(before: time) == times.filter { $0 < time }.count)
        }
    }

    @Test("what is freed gives its bytes back")
    func freeing() {
        var beside = Beside()
        let empty = beside.stored.totalByteCount
        beside.write(
            (0..<5000).map { (tick: Int) -> (Int64, Double, Int) in (Int64(tick * tick), Double(tick), tick / 700 % 3) }
        )
        #expect(beside.columns.byteCount > 0)
        _ = beside.stored.removeSamples(before: 2500 * 2500, columns: beside.columns)
        let first = beside.stored.sealed[0]
        #expect(first.firstTime <= 2500 * 2500 && first.lastTime >= 2500 * 2500)
        _ = beside.stored.removeSamples(before: .max, columns: beside.columns)
        #expect(beside.stored.isEmpty && beside.columns.byteCount == 0 && beside.stored.totalByteCount == empty)
        beside.expected = [:]
        beside.write([(5, 5, 0)])
        beside.check("anew")
    }

    @Test("a sample written again and again with ever new labels does not keep them all")
    func everNewLabels() {
        var block = SampleBlock(times: [1], values: [1], variants: [Self.variants[0]], variantColumn: [])
        for number in 0..<5000 {
            _ = block.insert(time: 1, value: 1, series: StoredVariant(SuiteSamples.series(pod: "p\(number)")))
        }
        #expect(block.variants.count <= 1026)
        #expect(block.series(at: 0).gpu.pod == "p4999")
    }
}
