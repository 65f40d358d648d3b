import TelemetryModels

/// Stores and queries samples: the protocol by which a service connects its database.
///
/// Writing is idempotent: a sample is identified by its series' metric name, its GPU's uuid and its timestamp, and a
/// second write of the same one replaces the first, so that a message that is delivered twice changes nothing. A sample
/// whose value is not finite is not stored. Every method may be called from any number of tasks at once. A read whose
/// task is cancelled ends soon, with `CancellationError`: its client has disconnected, or its time is over.
public protocol TelemetryStore: Sendable {
    /// Stores every sample of the batches, or throws ``StoreError``; after an error some may have been stored, and the
    /// caller writes the same batches again, unless the error lists the ``StoreError/refused`` samples. A sample that
    /// is older than the store's retention is skipped, and counted in `expiredSamples` as far as the store knows.
    func write(_ batches: [MetricBatch]) async throws
    /// Returns the GPUs that have samples which the filter includes, ordered by hostname, then numeric gpu id, then
    /// uuid. Their first and last times are those of all their samples.
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo>
    /// Returns metric names in alphabetic order: of one GPU, or of all if `uuid` is `nil`. Empty for an unknown GPU.
    func metrics(uuid: String?) async throws -> [MetricSummary]
    /// Returns samples ordered by time, then metric name, then uuid.
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric>
    /// Returns the newest sample of every series among those that the filter includes, ordered by metric name, then
    /// uuid.
    func latest(_ filter: SampleFilter) async throws -> [GPUMetric]
    /// Returns series with samples that the filter includes, ordered by metric name, then uuid; counts and times are of
    /// these samples.
    func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo>
    /// Returns aggregates ordered by the names of the groups.
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries]
    /// The number of samples that were written but not kept because they were older than the store's retention, since
    /// the start of the process. Samples that are written again count again. The default implementation returns 0, as
    /// for stores that do not know it.
    var expiredSamples: Int { get }
    /// Returns the sizes of the store.
    func statistics() async throws -> StoreStatistics
    /// Returns if the store is available, and otherwise throws the reason.
    func checkHealth() async throws
    /// Frees connections. Calls in progress may fail.
    func close() async
}

extension TelemetryStore {
    public var expiredSamples: Int { 0 }
}

/// The reason why a call of a store failed.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// The kind of error, which determines how a caller can react.
    public enum Kind: Sendable, Hashable {
        /// The database is unreachable or overloaded: the same call may succeed later.
        case unavailable
        /// The database refuses these credentials.
        case unauthorized
        /// The database refuses these data or this query: the same call fails again.
        case rejected
        /// The response does not have the documented form of the database's API.
        case invalidAnswer
    }

    /// The kind of error, which determines how a caller can react.
    public var kind: Kind
    /// The description, which contains the database's address and its message.
    public var message: String
    /// The delay that the database requested before the next attempt.
    public var retryAfter: Duration?
    /// For a write: the samples that the database will never accept. If there are any, all others of the call are
    /// stored.
    public var refused: [RefusedSamples] = []
    /// The HTTP status of the response, if there was one.
    package var status: Int?

    /// Creates an error; `retryAfter` is the delay that the database requested.
    public init(_ kind: Kind, _ message: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    public var description: String { message }
}
