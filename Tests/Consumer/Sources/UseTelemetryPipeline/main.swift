import TelemetryPipeline
import TelemetryStores

let store = MemoryStore()
var source = try CSVSource(.init(path: CommandLine.arguments[1], source: "node1"))
while let batch = try await source.next() { try await store.write([batch]) }
let count = try await store.statistics().sampleCount
guard count > 0, count == source.progress.rowsRead else { fatalError("stored \(count) of \(source.progress.rowsRead)") }
