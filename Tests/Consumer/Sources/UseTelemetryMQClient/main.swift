import TelemetryMQClient

let address = MQClient.Configuration(host: "127.0.0.1", port: 1)
let host = try await MQClient.withClient(address) { _ in address.host }
guard host == "127.0.0.1" else { fatalError(host) }
