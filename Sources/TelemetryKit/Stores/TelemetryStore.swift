import TelemetryModels

/// Where samples are kept and asked for: the seam at which a service plugs in its database.
///
/// Writing is idempotent: a sample is identified by its series' metric name, its GPU's uuid and its timestamp, and a second
/// write of the same one replaces the first. So a message that is delivered twice changes nothing. A sample whose value is not
/// finite is not stored.
/// Every method may be called from any number of tasks at once. A read whose task is cancelled ends soon, with `CancellationError`: its client
/// has disconnected, or its time is over.
public protocol TelemetryStore: Sendable {
    /// Stores every sample of the batches, or throws ``StoreError``; after a throw some may have been stored, and the
    /// caller writes the same batches again, unless the error tells which samples are ``StoreError/refused``. A sample that is older
    /// than the store's retention is passed over, and counted in `expiredSamples` as far as the store can tell.
    func write(_ batches: [MetricBatch]) async throws
    /// GPUs that have samples which the filter includes, in the order of hostname, then numeric gpu id, then uuid. Their first and last
    /// times are those of all their samples.
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo>
    /// Metric names in alphabetic order: of one GPU, or of all where `uuid` is `nil`. Empty for an unknown GPU.
    func metrics(uuid: String?) async throws -> [MetricSummary]
    /// Samples in the order of time, then metric name, then uuid.
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric>
    /// The newest sample of every series among those that the filter includes, in the order of metric name, then uuid.
    func latest(_ filter: SampleFilter) async throws -> [GPUMetric]
    /// Series with samples that the filter includes, in the order of metric name, then uuid; counts and times are of these samples.
    func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo>
    /// In the order of the groups' names.
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries]
    /// Samples that were written and not kept, since they were older than the store's retention, from the start of the
    /// process on. What is written again counts again. 0 where the store cannot tell, as it is without an implementation.
    var expiredSamples: Int { get }
    /// Sizes of what is held.
    func statistics() async throws -> StoreStatistics
    /// Returns where the store can answer now, or throws why it cannot.
    func checkHealth() async throws
    /// Frees connections. Calls that are under way may fail.
    func close() async
}

extension TelemetryStore {
    public var expiredSamples: Int { 0 }
}

/// Why a store could not do what it was asked.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// What a caller can do about it.
    public enum Kind: Sendable, Hashable {
        /// The database cannot be reached or is overloaded: the same call may succeed later.
        case unavailable
        /// The database refuses these credentials.
        case unauthorized
        /// The database refuses these data or this query: the same call fails again.
        case rejected
        /// The answer is not what the database's interface documents.
        case invalidAnswer
    }

    /// What a caller can do about it.
    public var kind: Kind
    /// Names the database's address and what it said.
    public var message: String
    /// What the database asked to wait before the next try.
    public var retryAfter: Duration?
    /// Of a write: the samples that the database will never take. Where there are any, all others of the call are stored.
    public var refused: [RefusedSamples] = []
    /// The status of the HTTP answer, where one said so.
    package var status: Int?

    /// An error with its words; `retryAfter` is what the database asked to wait.
    public init(_ kind: Kind, _ message: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    public var description: String { message }
}
