import TelemetryBase
import TelemetryModels

/// The simplest possible store: every result is computed from a list of all samples. ``StoreConformance`` compares
/// others with it, so it shares nothing with them but the order of a ``SampleCursor``.
struct StoreModel {
    private struct Key: Hashable {
        var metric: ByteText
        var uuid: ByteText
        var time: Int64
    }

    private let traits: StoreTraits
    private var samples: [Key: GPUMetric] = [:]
    /// Sorted samples.
    private var sorted: [GPUMetric] = []

    init(traits: StoreTraits) { self.traits = traits }

    mutating func write(_ batch: MetricBatch) {
        for var metric in batch.metrics where metric.value.isFinite && metric.timestamp >= traits.earliestTime {
            metric.timestamp = traits.kept(metric.timestamp)
            samples[
                Key(
                    metric: ByteText(metric.metricName), uuid: ByteText(metric.gpu.uuid),
                    time: metric.timestamp.nanoseconds)] = metric
        }
        sorted = samples.values.sorted { SampleCursor($0) < SampleCursor($1) }
    }

    private func found(_ filter: SampleFilter) -> [GPUMetric] {
        func fits(_ list: [String], _ text: String) -> Bool {
            list.isEmpty || list.contains { Array($0.utf8) == Array(text.utf8) }
        }
        return sorted.filter { sample in
            fits(filter.metricNames, sample.metricName) && fits(filter.uuids, sample.gpu.uuid)
                && fits(filter.hostnames, sample.gpu.hostname)
                && fits(filter.modelNames, sample.gpu.modelName)
                && (filter.startTime.map { $0 <= sample.timestamp } ?? true)
                && (filter.endTime.map { sample.timestamp <= $0 } ?? true)
        }
    }

    func telemetry(_ query: TelemetryQuery) -> (items: [GPUMetric], total: Int) {
        let found = found(query.filter)
        let behind = found.filter { sample in query.after.map { SampleCursor(sample) > $0 } ?? true }
        return (Array(behind.dropFirst(query.offset).prefix(query.limit ?? .max)), found.count)
    }

    func gpus(_ filter: SampleFilter) -> [GPUInfo] {
        let uuids = Set(found(filter).map { ByteText($0.gpu.uuid) })
        return Dictionary(grouping: sorted.filter { uuids.contains(ByteText($0.gpu.uuid)) }) { ByteText($0.gpu.uuid) }
            .values.map { list in
                // If several metrics are at the newest time, the first by name determines the GPU.
                let newest = list.first { $0.timestamp == list.last!.timestamp }!
                return GPUInfo(identity: newest.gpu, firstSeen: list[0].timestamp, lastSeen: newest.timestamp)
            }
            .sorted { a, b in
                func rank(_ gpu: GPUIdentity) -> (ByteText, Int, UInt64, ByteText, ByteText) {
                    let number = UInt64(gpu.gpuID)
                    return (
                        ByteText(gpu.hostname), number == nil ? 1 : 0, number ?? 0, ByteText(gpu.gpuID),
                        ByteText(gpu.uuid)
                    )
                }
                return rank(a.identity) < rank(b.identity)
            }
    }

    func metrics(uuid: String?) -> [MetricSummary] {
        let meant = sorted.filter { sample in uuid.map { ByteText($0) == ByteText(sample.gpu.uuid) } ?? true }
        return Dictionary(grouping: meant) { ByteText($0.metricName) }.sorted { $0.key < $1.key }.map { name, list in
            MetricSummary(
                name: name.string, sampleCount: list.count, gpuCount: Set(list.map { ByteText($0.gpu.uuid) }).count)
        }
    }

    private func bySeries(_ filter: SampleFilter) -> [[GPUMetric]] {
        Dictionary(grouping: found(filter)) { [ByteText($0.metricName), ByteText($0.gpu.uuid)] }.sorted {
            ($0.key[0], $0.key[1]) < ($1.key[0], $1.key[1])
        }
        .map(\.value)
    }

    func latest(_ filter: SampleFilter) -> [GPUMetric] { bySeries(filter).map { $0.last! } }

    func series(_ filter: SampleFilter) -> [SeriesInfo] {
        bySeries(filter).map { list in
            SeriesInfo(
                metricName: list[0].metricName, identity: list.last!.gpu, sampleCount: list.count,
                firstSeen: list[0].timestamp,
                lastSeen: list.last!.timestamp)
        }
    }

    func aggregate(_ query: AggregateQuery) -> [AggregateSeries] {
        var filter = query.filter
        filter.metricNames = [query.metricName]
        let window = max(1_000, query.window.wholeNanoseconds)
        func group(_ gpu: GPUIdentity) -> ByteText {
            ByteText(query.grouping == .gpu ? gpu.uuid : query.grouping == .host ? gpu.hostname : "")
        }
        func number(_ time: Int64) -> Int64 { time >= 0 ? time / window : (time + 1) / window - 1 }
        return Dictionary(grouping: found(filter)) { group($0.gpu) }.sorted { $0.key < $1.key }.map { name, list in
            let windows = Dictionary(grouping: list) { number($0.timestamp.nanoseconds) }
            return AggregateSeries(
                group: name.string,
                points: windows.sorted { $0.key < $1.key }.map { number, samples in
                    AggregateSeries.Point(
                        time: Timestamp(nanoseconds: number.multipliedClamped(by: window)),
                        value: Self.value(query.function, samples.map(\.value).sorted()))
                })
        }
    }

    private static func value(_ function: AggregateQuery.Function, _ sorted: [Double]) -> Double {
        func rank(_ p: Double) -> Double { sorted[max(1, Int((p * Double(sorted.count) + 0.5).rounded(.down))) - 1] }
        return switch function {
        case .avg: sorted.reduce(0, +) / Double(sorted.count)
        case .sum: sorted.reduce(0, +)
        case .min: sorted.first!
        case .max: sorted.last!
        case .count: Double(sorted.count)
        case .p50: rank(0.5)
        case .p95: rank(0.95)
        case .p99: rank(0.99)
        }
    }

    var statistics: StoreStatistics {
        let gpus = gpus(SampleFilter())
        return StoreStatistics(
            sampleCount: sorted.count, gpuCount: gpus.count,
            metricCount: Set(sorted.map { ByteText($0.metricName) }).count,
            hostCount: Set(gpus.map { ByteText($0.identity.hostname) }).count, oldest: sorted.first?.timestamp,
            newest: sorted.last?.timestamp)
    }
}
