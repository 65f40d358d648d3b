import TelemetryDatabases
import TelemetryStores

// Nothing listens on this port.
let store = try InfluxDBStore(
    configuration: .init(url: "http://127.0.0.1:1", token: "t", org: "o", bucket: "b"))
do {
    try await store.checkHealth()
    fatalError("no server, and no error")
} catch let error as StoreError {
    print(error)
}
await store.close()
