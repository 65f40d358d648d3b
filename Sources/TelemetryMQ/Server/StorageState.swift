import TelemetryMQLog

/// Whether the device has room: a value that knows from what became of the last writes.
struct StorageState: Sendable {
    /// Why the last write was refused; `nil` while there is room.
    private(set) var reason: String?
    /// Messages that were refused since there was no room, or for good.
    private(set) var refusedMessages: Int64 = 0
    /// Of these, since there is no room.
    private(set) var refusedNow: Int64 = 0
    /// Bytes of the smallest write that was refused since then: if there is room for these, somebody can go on.
    private(set) var refusedBytes: Int64 = 0

    var isFull: Bool { reason != nil }

    /// Nothing of a write of some messages was stored. Returns whether that is news: before, there was room.
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

    /// A write succeeded, or would. Returns the number of messages that were refused in between, if there was no room
    /// before.
    mutating func accept() -> Int64? {
        guard reason != nil else { return nil }
        reason = nil
        return refusedNow
    }
}
