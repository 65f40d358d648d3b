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

    init(offset: Int64, timestamp: Int64, payload: ArraySlice<UInt8>) {
        self.offset = offset
        self.timestamp = timestamp
        self.payload = payload
    }
}
