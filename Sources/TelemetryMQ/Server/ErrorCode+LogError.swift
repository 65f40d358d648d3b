import TelemetryMQLog
import TelemetryMQProtocol

extension ErrorCode {
    /// Of a publish or a commit that was not stored.
    init(_ error: LogError) {
        if case .full = error { self = .storageFull } else { self = .storageFailed }
    }
}
