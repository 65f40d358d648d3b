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

    @Test("InfluxDB 1.x with the wide schema, and with workload tags, keeps the store's promises", .timeLimit(.minutes(2)))
    func influxLayouts() async throws {
        let server = try await InfluxServer.start()
        for (bucket, schema, tags) in [("wide", .wide, false), ("tags", .narrow, true), ("both", .wide, true)]
            as [(String, InfluxDBStore.Configuration.Schema, Bool)] {
            let store = try InfluxDBStore(configuration: .init(url: server.url, bucket: bucket, workloadTags: tags, schema: schema))
            try await StoreConformance(store: store).run()
            await store.close()
        }
        // Samples of one GPU and time share their workload there, so that it must not change from sample to sample.
        let wide = try InfluxDBStore(configuration: .init(url: server.url, bucket: "wide-model", schema: .wide))
        try await StoreConformance(store: wide).agreesWithModel(seed: 9, rounds: 12, workloads: ["p0"])
        await wide.close()
    }
}
