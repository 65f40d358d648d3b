@testable import TelemetryMQClient

/// Why the body throws; `nil` if it does not, or for another reason than the client's.
func errorCode(_ body: () async throws -> Void) async -> MQError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? MQError)?.code
    }
}
