import TelemetryPipeline
import TelemetryStores

func load(_ path: String, into store: some TelemetryStore) async throws {
    var source = try CSVSource(.init(path: path, source: "node1"))
    while let batch = try await source.next() { try await store.write([batch]) }
}

let store = MemoryStore()
try await load(CommandLine.arguments[1], into: store)
let count = try await store.statistics().sampleCount
guard count > 0 else { fatalError("nothing was stored") }
