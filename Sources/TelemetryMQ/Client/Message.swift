/// A message of the log.
public struct Message: Sendable {
    /// Its place in the log, from 0.
    public let offset: Int64
    /// When the server stored it, in microseconds since 1970; 0 where the server does not say.
    public let timestamp: Int64
    /// The JSON that was published, byte for byte.
    ///
    /// Messages that arrived together share one piece of memory: keep a copy, not the slice, of one that is kept for long.
    public let payload: ArraySlice<UInt8>
    let log: LogTag

    init(offset: Int64, timestamp: Int64, payload: ArraySlice<UInt8>, log: LogTag = .unknown) {
        self.offset = offset
        self.timestamp = timestamp
        self.payload = payload
        self.log = log
    }

    /// The message's place with its log: commit it by ``Subscription/commit(through:)-(LogPosition)``, or store it and
    /// resume by ``MQClient/StartPosition/after(_:)``.
    public var position: LogPosition { LogPosition(offset: offset, tag: log) }
}
