import TelemetryKit

func load(_ path: String, into store: some TelemetryStore) async throws {
    var source = try CSVSource(.init(path: path, source: "node1"))
    while let batch = try await source.next() { try await store.write([batch]) }
}

let store = MemoryStore()
try await load(CommandLine.arguments[1], into: store)
let gpus = try await store.gpus(limit: 1, offset: 0).items
guard gpus.count == 1 else { fatalError("no GPU was stored") }
let database = try VictoriaMetricsStore(configuration: .init(url: "http://127.0.0.1:1"))
await database.close()
