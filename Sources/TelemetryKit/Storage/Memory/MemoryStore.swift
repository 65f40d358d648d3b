import Synchronization

/// Samples in memory, by series and in columns.
///
/// Nothing is kept when the process ends: whoever feeds it reads the log again. Samples that leave by retention are the
/// oldest of all series; age counts back from the newest sample and not from the clock, so that an old export can be
/// replayed. A sample that comes too late for that is not taken.
///
/// Any number of tasks may read and write at once. One lock guards the store; readers take under it what they need and
/// assemble their answer outside.
public final class MemoryStore: TelemetryStore {
    public struct Configuration: Sendable {
        /// How much older than the newest sample a sample may be; `nil`: no limit.
        public var retentionPeriod: Duration?
        /// About how many bytes samples and series may take; `nil`: no limit. A sample takes 16.
        /// Samples of the newest time are kept even beyond it.
        public var maximumBytes: Int?

        public init(retentionPeriod: Duration? = nil, maximumBytes: Int? = 1 << 30) {
            self.retentionPeriod = retentionPeriod
            self.maximumBytes = maximumBytes
        }
    }

    private let index: Mutex<MemoryIndex>

    public init(configuration: Configuration = Configuration()) {
        let retention = configuration.retentionPeriod?.wholeNanoseconds
        let maximumBytes = configuration.maximumBytes
        index = Mutex(MemoryIndex(retention: retention, maximumBytes: maximumBytes))
    }

    public func write(_ batches: [MetricBatch]) async throws {
        for batch in batches { index.withLock { $0.write(batch) } }
    }

    public func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        index.withLock { $0.gpus(filter) }.sorted(by: StoreOrder.gpus).page(limit: limit, offset: offset)
    }

    public func metrics(uuid: String?) async throws -> [MetricSummary] {
        index.withLock { $0.metrics(uuid: uuid) }.sorted { $0.name < $1.name }
    }

    public func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> {
        let merge = SeriesMerge(index.withLock { $0.snapshots(query.filter) }.map { $0.filtered(by: query.filter) })
        return merge.page(limit: query.limit ?? .max, offset: query.offset, after: query.after)
    }

    public func statistics() async throws -> StoreStatistics {
        index.withLock { $0.statistics() }
    }

    public func checkHealth() async throws {}

    public func close() async {}
}
