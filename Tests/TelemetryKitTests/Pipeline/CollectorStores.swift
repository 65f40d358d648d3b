import Synchronization

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryStores

/// A store that is only written to.
protocol UnaskedStore: TelemetryStore {}

extension UnaskedStore {
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) -> Page<GPUInfo> { Page(items: [], total: 0) }
    func metrics(uuid: String?) -> [MetricSummary] { [] }
    func telemetry(_ query: TelemetryQuery) -> Page<GPUMetric> { Page(items: [], total: 0) }
    func statistics() -> StoreStatistics {
        StoreStatistics(sampleCount: 0, gpuCount: 0, metricCount: 0, hostCount: 0, oldest: nil, newest: nil)
    }
    func checkHealth() {}
    func close() {}
}

/// A store that answers as a script says, and then accepts. It keeps what it accepted.
actor ScriptedStore: UnaskedStore {
    var failures: [StoreError]
    let refuses: String?
    private(set) var writes: [[MetricBatch]] = []
    private var watchers: [CheckedContinuation<Void, Never>] = []

    init(failures: [StoreError] = [], refusing batchID: String? = nil) {
        self.failures = failures
        refuses = batchID
    }

    func write(_ batches: [MetricBatch]) throws {
        if !failures.isEmpty { throw failures.removeFirst() }
        let (refused, taken) = (batches.filter { $0.batchID == refuses }, batches.filter { $0.batchID != refuses })
        writes.append(taken)
        for watcher in watchers { watcher.resume() }
        watchers = []
        guard !refused.isEmpty else { return }
        var error = StoreError(.rejected, "field type conflict")
        error.refused = refused.map { RefusedSamples(batch: $0, reason: "conflict") }
        throw error
    }

    func firstWrite() async {
        if writes.isEmpty { await withCheckedContinuation { watchers.append($0) } }
    }

    var samples: [GPUMetric] { writes.flatMap { $0.flatMap(\.metrics) } }
}

/// A store whose writes each wait until the test lets them through.
actor GatedStore: UnaskedStore {
    private var waiting: [String: CheckedContinuation<Void, Never>] = [:]
    private var watcher: (names: Set<String>, continuation: CheckedContinuation<Void, Never>)?

    func write(_ batches: [MetricBatch]) async {
        await withCheckedContinuation { continuation in
            waiting[batches[0].batchID] = continuation
            if let watcher, watcher.names.isSubset(of: waiting.keys) {
                self.watcher = nil
                watcher.continuation.resume()
            }
        }
    }

    /// Returns when these writes wait.
    func arrival(of names: Set<String>) async {
        guard !names.isSubset(of: waiting.keys) else { return }
        await withCheckedContinuation { watcher = (names, $0) }
    }

    func open(_ name: String) { waiting.removeValue(forKey: name)!.resume() }
}

/// What came, in its order.
final class Log<Element: Sendable>: Sendable {
    private let state = Mutex<[Element]>([])
    var all: [Element] { state.withLock { $0 } }
    func add(_ element: Element) { state.withLock { $0.append(element) } }
}
