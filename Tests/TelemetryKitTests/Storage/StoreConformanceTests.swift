import Foundation
import TelemetryKit
import Testing

@Suite("Store conformance")
struct StoreConformanceTests {
    @Test("the memory store keeps the store's promises")
    func memory() async throws {
        try await StoreConformance(store: MemoryStore()).run()
    }

    @Test("InfluxDB 1.x keeps the store's promises", .timeLimit(.minutes(2)))
    func influx() async throws {
        let server = try await InfluxServer.start()
        let store = try InfluxDBStore(configuration: .init(url: server.url))
        try await StoreConformance(store: store).run()
        await store.close()
    }
}
