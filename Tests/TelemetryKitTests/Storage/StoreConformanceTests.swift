import Foundation
import TelemetryKit
import Testing

@Suite("Store conformance")
struct StoreConformanceTests {
    @Test("the memory store keeps the store's promises")
    func memory() async throws {
        try await StoreConformance(store: MemoryStore()).run()
    }

    @Test("the memory store answers as a list of all samples would", arguments: 1...5)
    func memoryAgainstModel(_ seed: UInt64) async throws {
        try await StoreConformance(store: MemoryStore()).agreesWithModel(seed: seed, rounds: 40)
    }

    @Test("InfluxDB 1.x keeps the store's promises, and answers as a list of all samples would", .timeLimit(.minutes(2)))
    func influx() async throws {
        let server = try await InfluxServer.start()
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        try await StoreConformance(store: store).run()
        let other = try InfluxDBStore(configuration: .init(url: server.url, bucket: "model"))
        try await StoreConformance(store: other).agreesWithModel(seed: 6, rounds: 25)
        await store.close()
        await other.close()
    }
}
