import TelemetryModels
import TelemetryStores

/// One message of the queue, for a ``Collector``.
public struct CollectorMessage: Sendable {
    /// The message's offset in the log, by which it is committed.
    public var offset: Int64
    /// A batch as JSON, in either format.
    public var payload: [UInt8]
    /// The log of the message, as the queue names it (`LogPosition.log` of TelemetryMQ); `nil` if it is not known.
    public var log: String?

    /// Creates a message.
    public init(offset: Int64, payload: [UInt8], log: String? = nil) {
        self.offset = offset
        self.payload = payload
        self.log = log
    }

    /// The message's position, to be committed.
    public var position: CollectorPosition { CollectorPosition(offset: offset, log: log) }
}

/// A position in the queue that a ``Collector`` commits: everything up to that message of that log is stored.
public struct CollectorPosition: Sendable, Hashable {
    /// The offset of the last message.
    public var offset: Int64
    /// ``CollectorMessage/log`` of that message.
    public var log: String?

    /// Creates a position.
    public init(offset: Int64, log: String? = nil) {
        self.offset = offset
        self.log = log
    }
}

/// An event that the operator of a collector should know of.
public enum CollectorEvent: Sendable {
    /// The message is not a batch. It is skipped.
    case undecodable(offset: Int64, BatchError)
    /// The store is unavailable; the next attempt follows after `wait`. Nothing is read meanwhile.
    case storeUnavailable(StoreError, attempt: Int, wait: Duration)
    /// The store accepts samples again.
    case storeRecovered(afterAttempts: Int)
    /// The store refuses samples permanently; all others of their group are stored. They become dead letters if that is
    /// configured.
    case refused(RefusedSamples)
    /// The dead letters cannot be stored now; the next attempt follows after `wait`. Nothing is committed meanwhile.
    case deadLettersFailed(any Error, wait: Duration)
    /// The samples are stored, but the position is not: they will be read again after a restart, which changes nothing.
    case commitFailed(CollectorPosition, any Error)
}

/// The progress of a collector.
public struct CollectorCounters: Sendable, Hashable {
    /// The number of messages read.
    public var messages = 0
    /// The number of messages that are not batches. They are skipped.
    public var undecodableMessages = 0
    /// The number of samples in the batches read.
    public var samplesRead = 0
    /// The number of these that belong to GPUs of other shards.
    public var samplesOfOtherShards = 0
    /// The number of samples that the store has accepted; samples that arrived twice count twice.
    public var samplesStored = 0
    /// Statistics of the stored samples; samples that arrived twice count twice.
    public var digest = SampleDigest()
    /// The number of samples that the store refused permanently.
    public var samplesRefused = 0
    /// The number of successful calls of the store.
    public var writes = 0
    /// The number of failed attempts that were repeated.
    public var retries = 0
    /// The number of positions that the queue did not accept. The next commit covers them.
    public var commitsFailed = 0
    /// The last message whose samples are stored, with its log; `nil` before the first.
    public var lastStored: CollectorPosition?
    /// The offset of ``lastStored``.
    // Not inlined: Swift 6.3.1 crashes when it optimises callers in other modules.
    @inline(never)
    public var lastStoredOffset: Int64? { lastStored?.offset }
    /// `false` while a write is being repeated.
    public var isStoreAvailable = true

    /// Creates the initial progress.
    public init() {}
}
