import TelemetryMQServer

var settings = MQServer.Configuration()
settings.port = 0
settings.httpPort = nil
let server = try await MQServer(configuration: settings)
guard server.port > 0 else { fatalError("no port") }
await server.shutdown()
