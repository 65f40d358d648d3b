import Synchronization
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Store conformance", .timeLimit(.minutes(20)))
struct StoreConformanceTests {
    @Test("the memory store keeps every promise")
    func memory() async throws {
        let violations = try await StoreConformance(seeds: [1, 2, 3]).check { MemoryStore() }
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test(
        "InfluxDB 1.x keeps every promise within its limits, in each layout",
        arguments: InfluxDBStore.Configuration.Schema.allCases, [false, true])
    func influx(_ schema: InfluxDBStore.Configuration.Schema, workloadTags: Bool) async throws {
        let server = try await InfluxServer.start()
        let databases = Atomic(0)
        let configuration = { (bucket: String) in
            InfluxDBStore.Configuration(url: server.url, bucket: bucket, workloadTags: workloadTags, schema: schema)
        }
        let violations = try await StoreConformance(traits: configuration("").traits, seeds: [6], rounds: 15).check {
            let number = databases.wrappingAdd(1, ordering: .relaxed).newValue
            return try InfluxDBStore(configuration: configuration("conformance_\(number)"))
        } reopen: { _ in
            try InfluxDBStore(configuration: configuration("conformance_\(databases.load(ordering: .relaxed))"))
        }
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test("all adapters answer alike about the real export", .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() async throws {
        var configuration = CSVSource.Configuration(path: RealExport.path, source: "test")
        configuration.batchSize = 500
        var source = try CSVSource(configuration)
        var batches: [MetricBatch] = []
        while let batch = try await source.next() { batches.append(batch) }
        #expect(batches.reduce(0) { $0 + $1.count } == 2470)

        let influx = try await InfluxServer.start()
        let victoria = try await VictoriaServer.start()
        let whole = StoreConformance()
        let milliseconds = StoreConformance(traits: VictoriaMetricsStore.traits) { try await victoria.flush() }
        let inMemory = try await whole.check(MemoryStore(), holding: batches)
        #expect(inMemory.isEmpty, "\(inMemory)")
        let inInflux = try await whole.check(InfluxDBStore(configuration: .init(url: influx.url)), holding: batches)
        #expect(inInflux.isEmpty, "\(inInflux)")
        let inVictoria = try await milliseconds.check(
            VictoriaMetricsStore(configuration: .init(url: victoria.url)), holding: batches)
        #expect(inVictoria.isEmpty, "\(inVictoria)")
    }

    @Test(
        "the suite sees each kind of wrong store, and says which promise it breaks",
        arguments: WrongStore.Fault.allCases)
    func wrongStores(_ fault: WrongStore.Fault) async throws {
        let violations = try await StoreConformance(seeds: [1], rounds: 5).check { WrongStore(fault: fault) }
        #expect(violations.contains { $0.promise.contains(fault.brokenPromise) }, "\(violations.map(\.promise))")
        #expect(violations.count <= 20)
        #expect(violations.allSatisfy { !$0.asked.isEmpty && !$0.answer.isEmpty && !$0.expected.isEmpty })
    }

    private func checkDisk(_ fault: DiskStore.Fault?) async throws -> [StoreViolation] {
        let disk = Mutex(TestDisk())
        let suite = StoreConformance(
            seeds: [], failNextWrite: { disk.withLock { $0 }.breaksNextWrite.withLock { $0 = true } })
        return try await suite.check {
            let new = TestDisk()
            disk.withLock { $0 = new }
            return try await DiskStore(new, fault: fault)
        } reopen: {
            try await DiskStore($0.disk, fault: fault)
        }
    }

    @Test("a store that keeps its samples on a disk passes, through a write that breaks and being opened again")
    func disk() async throws {
        let violations = try await checkDisk(nil)
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test(
        "a store that loses samples when it is opened again, or keeps half of a write that failed, is found",
        arguments: DiskStore.Fault.allCases)
    func wrongDisks(_ fault: DiskStore.Fault) async throws {
        let violations = try await checkDisk(fault)
        let words =
            switch fault {
            case .losesAllOnReopening, .losesEarlierWrites: "opened again"
            case .hidesFailure: "reported as stored"
            case .keepsHalf: "was repeated"
            }
        #expect(violations.contains { $0.asked.contains(words) }, "\(violations.map(\.asked))")
    }

    @Test(
        "limits are no excuse: a store that claims none of its own is checked at all, and one that keeps less than it claims is found"
    )
    func claims() async throws {
        // A store of milliseconds that says it keeps nanoseconds.
        let coarse = try await StoreConformance(seeds: [], rounds: 0).check { CoarseStore() }
        #expect(coarse.isEmpty == false)
        let honest = try await StoreConformance(
            traits: StoreTraits(timeResolution: .milliseconds(1)), seeds: [1], rounds: 5
        ).check { CoarseStore() }
        #expect(honest.isEmpty, "\(honest)")
        let digits = try await StoreConformance(traits: StoreTraits(significantDigits: 17), seeds: []).check {
            CoarseStore(digits: 11)
        }
        #expect(!digits.isEmpty)
    }

    @Test("a store that cannot be asked is a violation, one that cannot be made an error")
    func throwing() async throws {
        let violations = try await StoreConformance(maxViolations: 3).check { ThrowingStore() }
        #expect(violations.count == 3)
        #expect(violations[0].answer.contains("out of order"))
        await #expect(throws: StoreError.self) {
            try await StoreConformance().check { () -> MemoryStore in throw StoreError(.unavailable, "no database") }
        }
    }
}
