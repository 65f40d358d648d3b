/// A message of the log.
public struct Message: Sendable {
    /// The offset in the log, from 0.
    public let offset: Int64
    /// Microseconds since 1970; 0 if the server does not report them.
    let microseconds: Int64
    /// The JSON that was published, byte for byte.
    ///
    /// Messages that arrived together share one buffer: to keep a payload for long, keep a copy instead of the slice.
    public let payload: ArraySlice<UInt8>
    let log: LogTag

    init(offset: Int64, microseconds: Int64, payload: ArraySlice<UInt8>, log: LogTag = .unknown) {
        self.offset = offset
        self.microseconds = microseconds
        self.payload = payload
        self.log = log
    }

    /// The time when the server stored it; `nil` if the server does not report it.
    public var timestamp: Timestamp? { microseconds == 0 ? nil : Timestamp(microseconds: microseconds) }

    /// The message's position with its log: commit it with ``Subscription/commit(through:)-(LogPosition)``, or store it
    /// and resume with ``MQClient/StartPosition/after(_:)``.
    public var position: LogPosition { LogPosition(offset: offset, tag: log) }
}
