import TelemetryModels
import TelemetryStores

/// One message of the queue, for a ``Collector``.
public struct CollectorMessage: Sendable {
    /// Its place in the log: a position is committed by it.
    public var offset: Int64
    /// A batch as JSON, in either format.
    public var payload: [UInt8]
    /// Which log the message is of, as the queue names it (`LogPosition.log` of TelemetryMQ); `nil` if it does not.
    public var log: String?

    /// A message of the queue.
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

    /// A position in the queue.
    public init(offset: Int64, log: String? = nil) {
        self.offset = offset
        self.log = log
    }
}

/// What a person who runs a collector wants to hear of.
public enum CollectorEvent: Sendable {
    /// The message is not a batch. It is passed over.
    case undecodable(offset: Int64, BatchError)
    /// The store cannot take samples now; the next try comes after `wait`. Nothing is read meanwhile.
    case storeUnavailable(StoreError, attempt: Int, wait: Duration)
    /// The store takes samples again.
    case storeRecovered(afterAttempts: Int)
    /// The store refuses samples for good; all others of their group are stored. They are kept as dead letters where those are.
    case refused(RefusedSamples)
    /// The dead letters cannot be kept now; the next try comes after `wait`. Nothing is committed meanwhile.
    case deadLettersFailed(any Error, wait: Duration)
    /// The samples are stored, but the position is not: they will be read again after a restart, which changes nothing.
    case commitFailed(CollectorPosition, any Error)
}

/// What a collector has done so far.
public struct CollectorCounters: Sendable, Hashable {
    /// Messages read.
    public var messages = 0
    /// Messages that are no batch. They are passed over.
    public var undecodableMessages = 0
    /// Samples in the batches read.
    public var samplesRead = 0
    /// Of these, samples of GPUs in other shards.
    public var samplesOfOtherShards = 0
    /// Samples that the store has taken, those that came twice counted twice.
    public var samplesStored = 0
    /// Of the samples stored; what came twice is in it twice.
    public var digest = SampleDigest()
    /// Samples that the store refused for good.
    public var samplesRefused = 0
    /// Calls of the store that it accepted.
    public var writes = 0
    /// Tries that failed and were repeated.
    public var retries = 0
    /// Positions that the queue did not take. The next commit covers them.
    public var commitsFailed = 0
    /// The last message whose samples are stored, and its log; `nil` before the first.
    public var lastStored: CollectorPosition?
    /// The offset of ``lastStored``.
    // Not inlined: Swift 6.3.1 crashes when it optimises callers in other modules.
    @inline(never)
    public var lastStoredOffset: Int64? { lastStored?.offset }
    /// `false` while a write is being repeated.
    public var isStoreAvailable = true

    /// Nothing done.
    public init() {}
}
