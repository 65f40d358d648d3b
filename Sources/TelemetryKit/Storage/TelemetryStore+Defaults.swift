/// What follows from the rest. These read every sample that is meant; an adapter whose database can answer better answers itself.
extension TelemetryStore {
    public func gpus(limit: Int, offset: Int) async throws -> Page<GPUInfo> {
        try await gpus(SampleFilter(), limit: limit, offset: offset)
    }

    /// `nil` where no sample of the GPU is held.
    public func gpu(uuid: String) async throws -> GPUInfo? {
        try await gpus(SampleFilter(uuids: [uuid]), limit: 1, offset: 0).items.first
    }

    public func latest(_ filter: SampleFilter) async throws -> [GPUMetric] {
        var newest: [StoreOrder.SeriesKey: GPUMetric] = [:]
        try await forEachSample(filter) { newest[StoreOrder.SeriesKey($0)] = $0 }
        return newest.sorted { $0.key < $1.key }.map(\.value)
    }

    public func series(_ filter: SampleFilter, limit: Int, offset: Int) async throws -> Page<SeriesInfo> {
        var infos: [StoreOrder.SeriesKey: SeriesInfo] = [:]
        try await forEachSample(filter) { sample in
            let key = StoreOrder.SeriesKey(sample)
            let first = infos[key]?.firstSeen ?? sample.timestamp
            infos[key] = SeriesInfo(
                metricName: sample.metricName, identity: sample.gpu, sampleCount: (infos[key]?.sampleCount ?? 0) + 1, firstSeen: first,
                lastSeen: sample.timestamp)
        }
        return infos.sorted { $0.key < $1.key }.map(\.value).page(limit: limit, offset: offset)
    }

    public func aggregate(_ query: AggregateQuery) async throws -> [AggregateSeries] {
        var aggregator = Aggregator(query)
        try await forEachSample(aggregator.filter) { aggregator.add($0.gpu, time: $0.timestamp.nanoseconds, value: $0.value) }
        return aggregator.result()
    }

    /// In their order, page by page.
    func forEachSample(_ filter: SampleFilter, _ body: (GPUMetric) -> Void) async throws {
        var query = TelemetryQuery(filter, limit: 10_000, countsTotal: false)
        while true {
            let page = try await telemetry(query).items
            page.forEach(body)
            guard page.count == query.limit, let last = page.last else { return }
            query.after = SampleCursor(last)
        }
    }
}

/// Collects values by group and window, and makes of each what an ``AggregateQuery`` asks for.
struct Aggregator {
    private let query: AggregateQuery
    private let window: Int64
    private var values: [String: [Int64: [Double]]] = [:]

    init(_ query: AggregateQuery) {
        self.query = query
        window = max(1_000, query.window.wholeNanoseconds)
    }

    /// The samples that go in.
    var filter: SampleFilter {
        var filter = query.filter
        filter.metricNames = [query.metricName]
        return filter
    }

    static func group(_ gpu: GPUIdentity, by grouping: AggregateQuery.Grouping) -> String {
        switch grouping {
        case .gpu: gpu.uuid
        case .host: gpu.hostname
        case .cluster: ""
        }
    }

    /// The window's beginning. Times before 1970 round down too; the first window of all begins at the oldest time there is.
    static func windowStart(_ time: Int64, _ window: Int64) -> Int64 {
        let rest = time % window
        let (start, under) = time.subtractingReportingOverflow(rest < 0 ? rest + window : rest)
        return under ? .min : start
    }

    mutating func add(_ gpu: GPUIdentity, time: Int64, value: Double) {
        let start = Aggregator.windowStart(time, window)
        values[Aggregator.group(gpu, by: query.grouping), default: [:]][start, default: []].append(value)
    }

    func result() -> [AggregateSeries] {
        values.sorted { $0.key < $1.key }.map { group, windows in
            AggregateSeries(
                group: group,
                points: windows.sorted { $0.key < $1.key }.map { start, values in
                    AggregateSeries.Point(time: Timestamp(nanoseconds: start), value: Aggregator.value(query.function, values))
                })
        }
    }

    /// Of at least one value.
    static func value(_ function: AggregateQuery.Function, _ values: [Double]) -> Double {
        switch function {
        case .avg: return values.reduce(0, +) / Double(values.count)
        case .min: return values.min()!
        case .max: return values.max()!
        case .sum: return values.reduce(0, +)
        case .count: return Double(values.count)
        case .p50, .p95, .p99:
            let rank = Int((function.quantile! * Double(values.count) + 0.5).rounded(.down))
            return values.sorted()[max(1, rank) - 1]
        }
    }
}
