import FaultSupport
import TelemetryMQ

/// A server on a free port; in memory without a directory.
func startTestServer(_ directory: TemporaryDirectory? = nil, port: Int? = nil, token: String? = nil) async throws
    -> MQServer
{
    var configuration = MQServer.Configuration()
    // Not one that the system picks: a server that comes back to it might find a client's connection there.
    configuration.port = try port ?? freePort()
    configuration.httpPort = nil
    configuration.dataDirectory = directory?.path
    // Many segments, also in a short test.
    configuration.segmentBytes = 100_000
    configuration.token = token
    return try await MQServer(configuration: configuration)
}

/// Of a client that comes back at once when its server does.
func quickConfiguration(_ port: Int) -> MQClient.Configuration {
    var configuration = MQClient.Configuration(host: "127.0.0.1", port: port)
    configuration.initialBackoff = .milliseconds(5)
    configuration.maxBackoff = .milliseconds(50)
    return configuration
}

/// Of one whose server is a script.
func patientConfiguration(_ port: Int) -> MQClient.Configuration {
    var configuration = MQClient.Configuration(host: "127.0.0.1", port: port)
    configuration.initialBackoff = .milliseconds(2)
    configuration.maxBackoff = .milliseconds(20)
    // On a busy machine a script may be slow, and none but those about them answers pings.
    configuration.keepaliveInterval = nil
    configuration.connectTimeout = .seconds(60)
    return configuration
}
