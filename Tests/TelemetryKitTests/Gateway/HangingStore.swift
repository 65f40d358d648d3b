import Synchronization
import TelemetryBase

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryStores

/// A store that answers nothing: each call waits until its task is cancelled.
final class HangingStore: TelemetryStore {
    private let calls = Mutex((asked: 0, ended: 0))

    /// Calls so far.
    var asked: Int { calls.withLock { $0.asked } }
    /// Those of them that were cancelled.
    var ended: Int { calls.withLock { $0.ended } }

    private func hang<Value>() async throws -> Value {
        calls.withLock { $0.asked += 1 }
        defer { calls.withLock { $0.ended += 1 } }
        while true { try await Task.sleep(for: .seconds(3600)) }
    }

    func write(_ batches: [MetricBatch]) async throws { let _: Int = try await hang() }
    func gpus(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<GPUInfo> { try await hang() }
    func metrics(uuid: String?) async throws -> [MetricSummary] { try await hang() }
    func telemetry(_ query: TelemetryQuery) async throws -> Page<GPUMetric> { try await hang() }
    func latest(_ filter: SampleFilter) async throws -> [GPUMetric] { try await hang() }
    func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo> { try await hang() }
    func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries] { try await hang() }
    func statistics() async throws -> StoreStatistics { try await hang() }
    func checkHealth() async throws { let _: Int = try await hang() }
    func close() async {}
}

extension Route {
    /// A valid request of the route: its examples, with all that it requires and the values that are given.
    func exampleTarget(_ values: [String: String] = [:]) -> String {
        var path = path
        var pairs: [String] = []
        for parameter in parameters {
            let value = values[parameter.name] ?? parameter.example
            if parameter.isInPath {
                path = path.replacing("{\(parameter.name)}", with: percentEncoded(value))
            } else if parameter.isRequired || values[parameter.name] != nil {
                pairs.append("\(percentEncoded(parameter.name))=\(percentEncoded(value))")
            }
        }
        return path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }
}
