import TelemetryMQClient
import TelemetryMQServer

extension ServiceEndpoints {
    /// Serves where ``StatusOptions`` say, and logs the address; `nil` if they name no port. The responses contain no
    /// secret of the configuration, even if a peer's words in them do.
    package static func start(
        _ name: String, _ context: Program.Context, content: Content
    ) async throws -> ServiceEndpoints? {
        guard let port = context[StatusOptions.port] else { return nil }
        let host = context[StatusOptions.host]
        var redacted = content
        redacted.problem = { content.problem().map(OutputSecrets.redact) }
        redacted.readiness = {
            content.readiness().map {
                Check(name: $0.name, isReady: $0.isReady, detail: OutputSecrets.redact($0.detail))
            }
        }
        let endpoints = try await start(name: name, host: host, port: port, redacted)
        context.log.info("listening", ["http": "\(host):\(endpoints.port)"])
        return endpoints
    }
}
