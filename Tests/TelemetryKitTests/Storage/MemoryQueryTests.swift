import Testing

@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Questions to the memory store")
struct MemoryQueryTests {
    /// The same samples asked through what follows from the other answers, which reads them one by one.
    private struct Plain: ForwardingStore {
        let base: MemoryStore
    }

    private static let second: Int64 = 1_000_000_000

    /// Long series, of which some have gaps, move to another host, or come late.
    private static func fill(_ store: MemoryStore, _ model: inout StoreModel, seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let gpus = (0..<5).map { gpu in
            ["A", "B"].map { metric in
                (0..<2).map { host in
                    SuiteSamples.series(metric, gpu: "GPU-\(gpu)", id: "\(gpu)", host: "host-\((gpu + host) % 3)")
                }
            }
        }
        for part in 0..<12 {
            var samples: [(MetricSeries, Int64, Double)] = []
            for tick in part * 60..<part * 60 + 60 {
                for (gpu, metrics) in gpus.enumerated() where gpu != 3 || tick % 7 == 0 {
                    for metric in metrics {
                        let moved = gpu == 1 && tick > 400 || gpu == 2 && Int.random(in: 0..<100, using: &random) == 0
                        let late =
                            gpu == 4 && Int.random(in: 0..<20, using: &random) == 0
                            ? Int64.random(in: 0...80, using: &random) : 0
                        let value = Double(Int.random(in: -400...400, using: &random)) / 8
                        samples.append((metric[moved ? 1 : 0], Int64(tick) * second - late * second, value))
                    }
                }
            }
            let batch = StoreSamples.batch(samples)
            model.write(batch)
            try await store.write([batch])
        }
    }

    @Test("answers over many blocks are those of a list of all samples", arguments: 1...2)
    func model(_ seed: UInt64) async throws {
        let store = MemoryStore()
        var model = StoreModel(traits: StoreTraits())
        try await Self.fill(store, &model, seed: seed)
        var random = SeededRandom(seed: seed)
        #expect(try await store.statistics() == model.statistics)
        for _ in 0..<4 {
            func time() -> Timestamp? {
                Bool.random(using: &random)
                    ? nil
                    : Timestamp(
                        nanoseconds: StoreSamples.start
                            + Int64.random(in: -10 * Self.second..<730 * Self.second, using: &random))
            }
            func some(_ texts: [String]) -> [String] {
                texts.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
            }
            let filter = SampleFilter(
                metricNames: some(["A", "B"]), uuids: some((0..<6).map { "GPU-\($0)" }),
                hostnames: some(["host-0", "host-1", "none"]),
                startTime: time(), endTime: time())
            let note: Comment = "seed \(seed): \(String(describing: filter))"
            #expect(try await store.latest(filter) == model.latest(filter), note)
            #expect(try await store.series(filter, limit: .max, offset: 0).items == model.series(filter), note)
            #expect(try await store.gpus(filter, limit: .max, offset: 0).items == model.gpus(filter), note)
            let all = model.telemetry(TelemetryQuery(filter)).items
            for offset in [0, 1, all.count / 2, max(0, all.count - 20), all.count + 5] {
                let page = try await store.telemetry(TelemetryQuery(filter, limit: 50, offset: offset))
                #expect(page.items == Array(all.dropFirst(offset).prefix(50)) && page.total == all.count, note)
                guard offset < all.count else { continue }
                let behind = try await store.telemetry(
                    TelemetryQuery(filter, limit: 50, offset: offset % 3, after: SampleCursor(all[offset])))
                #expect(
                    behind.items == Array(all.dropFirst(offset + 1 + offset % 3).prefix(50))
                        && behind.total == all.count, note)
            }
            for function in AggregateQuery.Function.allCases {
                let query = AggregateQuery(
                    metricName: "A", filter: filter, function: function,
                    window: [.seconds(1), .seconds(60), .seconds(900), .seconds(86_400), .milliseconds(1)]
                        .randomElement(using: &random)!,
                    grouping: .allCases.randomElement(using: &random)!)
                #expect(
                    try await store.aggregate(query) == Plain(base: store).aggregate(query),
                    "seed \(seed): \(String(describing: query))")
            }
        }
    }

    @Test("whole blocks and single samples make the same windows", arguments: AggregateQuery.Function.allCases)
    func wholeBlocks(_ function: AggregateQuery.Function) async throws {
        let store = MemoryStore()
        var model = StoreModel(traits: StoreTraits())
        try await Self.fill(store, &model, seed: 9)
        for grouping in AggregateQuery.Grouping.allCases {
            for window in [1, 60, 512, 600, 100_000] {
                let query = AggregateQuery(
                    metricName: "B", function: function, window: .seconds(window), grouping: grouping)
                #expect(
                    try await store.aggregate(query) == Plain(base: store).aggregate(query), "\(grouping), \(window) s")
            }
        }
    }

    @Test("windows at the ends of time and before 1970 are those of the samples one by one")
    func extremes() async throws {
        let store = MemoryStore(configuration: .init(maxBytes: nil))
        var batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0))
        let index = batch.addSeries(SuiteSamples.series("A"))
        let (first, last) = (Int64.min, Int64.max)
        let ends: [Int64] = [first, first + 1, first + 5000, -1, 0, 1, last - 5000, last - 1, last]
        let dense: [Int64] = (0..<300).map { (i: Int64) -> Int64 in i * 130 - 20_000 }
        for time in ends + dense { batch.append(seriesIndex: index, timestamp: time, value: Double(time % 97)) }
        try await store.write([batch])
        for window in [Duration.microseconds(1), .microseconds(7), .seconds(1), .seconds(1 << 33), .seconds(1 << 62)] {
            for function in [AggregateQuery.Function.sum, .p95] {
                let query = AggregateQuery(metricName: "A", function: function, window: window)
                #expect(try await store.aggregate(query) == Plain(base: store).aggregate(query), "\(window)")
            }
        }
    }

    @Test("the value of a rank is the one that sorting would put there", arguments: 1...10)
    func ranks(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for count in [1, 2, 3, 8, 9, 10, 11, 60, 100, 1000] {
            let lists: [[Double]] = [
                (0..<count).map { _ in Double.random(in: -1...1, using: &random) }, (0..<count).map(Double.init),
                (0..<count).map { Double(-$0) },
                (0..<count).map { _ in Double(Int.random(in: 0..<3, using: &random)) },
                [Double](repeating: 4, count: count),
                (0..<count).map { Double($0 % 2 == 0 ? $0 : -$0) },
            ]
            for list in lists {
                let sorted = list.sorted()
                for index in Set([0, count / 20, count / 2, count * 19 / 20, count - 1]) {
                    var copy = list
                    #expect(copy.withUnsafeMutableBufferPointer { $0.select(index) } == sorted[index])
                    #expect(copy.sorted() == sorted)
                    #expect(list.withUnsafeBufferPointer { $0.fromLargest(count - 1 - index) } == sorted[index])
                }
            }
        }
    }

    @Test("series are merged in the order of time, and of their rank where times are equal")
    func heap() {
        var random = SeededRandom(seed: 3)
        let lists = (0..<9).map { _ in
            (0..<Int.random(in: 0...50, using: &random)).map { _ in Int64.random(in: 0..<40, using: &random) }.sorted()
        }
        var positions = [Int](repeating: 0, count: lists.count)
        func entry(_ rank: Int) -> MinimumHeap.Entry? {
            positions[rank] < lists[rank].count
                ? MinimumHeap.Entry(time: lists[rank][positions[rank]], rank: rank) : nil
        }
        var heap = MinimumHeap(lists.indices.compactMap(entry))
        var merged: [[Int64]] = []
        for _ in 0..<lists.joined().count {
            let next = heap.minimum
            merged.append([next.time, Int64(next.rank)])
            positions[next.rank] += 1
            heap.replaceMinimum(entry(next.rank))
        }
        let expected = lists.enumerated().flatMap { rank, times in times.map { [$0, Int64(rank)] } }.sorted {
            ($0[0], $0[1]) < ($1[0], $1[1])
        }
        #expect(merged == expected)
    }
}
