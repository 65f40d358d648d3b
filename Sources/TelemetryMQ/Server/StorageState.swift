import TelemetryMQLog

/// Whether the device has space: a value that derives it from the results of the last writes.
struct StorageState: Sendable {
    /// The reason why the last write was refused; `nil` while there is space.
    private(set) var reason: String?
    /// Messages that were refused since the device was full, or permanently.
    private(set) var refusedMessages: Int64 = 0
    /// The number of these since the device has been full.
    private(set) var refusedNow: Int64 = 0
    /// The size of the smallest write that was refused since then: if there is space for it, a client can continue.
    private(set) var refusedBytes: Int64 = 0

    var isFull: Bool { reason != nil }

    /// A write of some messages failed. Returns whether that is new: there was space before.
    mutating func refuse(_ error: LogError, messages: Int, bytes: Int64) -> Bool {
        let bytes = max(bytes, 1)
        refusedMessages += Int64(messages)
        guard case .full = error else { return false }
        let isNew = reason == nil
        reason = "\(error)"
        refusedBytes = isNew ? bytes : min(refusedBytes, bytes)
        refusedNow = isNew ? Int64(messages) : refusedNow + Int64(messages)
        return isNew
    }

    /// A write succeeded, or would. Returns the number of messages that were refused in between, if there was no space
    /// before.
    mutating func accept() -> Int64? {
        guard reason != nil else { return nil }
        reason = nil
        return refusedNow
    }
}
