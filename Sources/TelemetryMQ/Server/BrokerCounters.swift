import TelemetryMQProtocol

/// What the server counts from its start.
struct BrokerCounters {
    var messagesIn: Int64 = 0
    var bytesIn: Int64 = 0
    var bytesDelivered: Int64 = 0
    var publishesRepeated: Int64 = 0
    var connectionsAccepted: Int64 = 0
    var syncs: Int64 = 0
    var retentionFailures: Int64 = 0
    var readFailures: Int64 = 0
    var errors: [ErrorCode: Int64] = [:]
}
