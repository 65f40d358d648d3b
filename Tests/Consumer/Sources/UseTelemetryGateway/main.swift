import TelemetryGateway
import TelemetryStores

var settings = Gateway.Configuration()
settings.port = 0
let gateway = Gateway(store: MemoryStore(), configuration: settings)
let port = try await gateway.start()
await gateway.shutdown()
guard port > 0, !gateway.openAPIDocument.isEmpty else { fatalError("port \(port)") }
