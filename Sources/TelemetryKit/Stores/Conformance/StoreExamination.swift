import TelemetryModels

/// A store and its model: writes to both, queries both, and records their differences.
struct StoreExamination {
    /// Ends a part of the check because the maximum number of violations is reached.
    struct Enough: Error {}

    var store: any TelemetryStore
    let traits: StoreTraits
    private let settle: @Sendable () async throws -> Void
    private let room: Int
    private(set) var model: StoreModel
    private(set) var violations: [StoreViolation] = []
    /// The preceding writes, for messages.
    var context = ""

    init(store: any TelemetryStore, traits: StoreTraits, settle: @escaping @Sendable () async throws -> Void, room: Int)
    {
        self.store = store
        self.traits = traits
        self.settle = settle
        self.room = room
        model = StoreModel(traits: traits)
    }

    // MARK: Writing

    mutating func write(_ batches: [MetricBatch]) async throws {
        let store = self.store
        guard
            try await answer(
                "a write that the store can take succeeds", "write of \(batches.count) batches",
                { try await store.write(batches) }) != nil
        else { throw Enough() }
        for batch in batches { model.write(batch) }
        try await settle()
    }

    /// Performs a write that the caller has arranged to fail midway. Returns whether the store reported the failure;
    /// the model is not updated.
    func writeFails(_ batches: [MetricBatch]) async throws -> Bool {
        do {
            try await store.write(batches)
            return false
        } catch {
            return true
        }
    }

    /// Records the samples that the store reported as accepted.
    mutating func note(_ batch: MetricBatch) { model.write(batch) }

    func settleStore() async throws { try await settle() }

    mutating func write(_ samples: [GPUMetric]) async throws {
        try await write([
            MetricBatch(
                batchID: "conformance", source: "conformance", collectedAt: SuiteSamples.start, metrics: samples)
        ])
    }

    // MARK: Comparing

    mutating func violation(_ promise: String, _ asked: String, _ answer: some Any, _ expected: some Any) throws {
        func cut(_ value: some Any) -> String {
            let text = String(describing: value)
            return text.count > 600 ? text.prefix(600) + "…" : text
        }
        let asked = context.isEmpty ? asked : "\(asked) (\(context))"
        violations.append(
            StoreViolation(promise: promise, asked: cut(asked), answer: cut(answer), expected: cut(expected)))
        if violations.count >= room { throw Enough() }
    }

    mutating func expect<Value: Equatable>(_ promise: String, _ asked: String, _ answer: Value, _ expected: Value)
        throws
    {
        if answer != expected { try violation(promise, asked, answer, expected) }
    }

    /// Describes the first element that differs.
    mutating func expect<Element: Equatable>(
        _ promise: String, _ asked: String, _ answer: [Element], _ expected: [Element]
    ) throws {
        guard answer != expected else { return }
        let at = zip(answer, expected).enumerated().first { $1.0 != $1.1 }?.offset ?? min(answer.count, expected.count)
        func side(_ list: [Element]) -> String {
            "\(list.count) elements" + (at < list.count ? ", at \(at): \(list[at].shown)" : "")
        }
        try violation(promise, asked, side(answer), side(expected))
    }

    /// Returns `nil` if the store threw, which is recorded.
    private mutating func answer<Value: Sendable>(
        _ promise: String, _ asked: String, _ call: () async throws -> Value
    ) async throws -> Value? {
        do {
            return try await call()
        } catch {
            try violation(promise, asked, "thrown: \(error)", "no error")
            return nil
        }
    }

    private mutating func compare<Value: Equatable & Sendable>(
        _ promise: String, _ asked: String, _ expected: [Value], _ call: () async throws -> [Value]
    ) async throws {
        if let list = try await answer(promise, asked, call) { try expect(promise, asked, list, expected) }
    }

    /// A page of a list; the model has the whole list.
    private mutating func compare<Value: Equatable & Sendable>(
        _ promise: String, _ asked: String, _ wanted: [Value], _ limit: Int, _ offset: Int,
        _ call: () async throws -> Page<Value>
    ) async throws {
        guard let page = try await answer(promise, asked, call) else { return }
        try expect(promise, asked, page.items, Array(wanted.dropFirst(offset).prefix(limit)))
        try expect("a list's total counts all of it", asked, page.total, wanted.count)
    }

    // MARK: Asking

    @discardableResult
    mutating func askTelemetry(_ query: TelemetryQuery) async throws -> [GPUMetric] {
        let promise = "samples: those meant, in the order of time, metric name, uuid, cut to the page"
        let asked = "telemetry(\(query))"
        let store = self.store
        guard let page = try await answer(promise, asked, { try await store.telemetry(query) }) else { return [] }
        let wanted = model.telemetry(query)
        try expect(promise, asked, page.items, wanted.items)
        if query.countsTotal {
            try expect("a page's total counts all that the filter includes", asked, page.total, wanted.total)
        }
        return page.items
    }

    /// Reads page after page, by the cursor of the last sample.
    mutating func askTelemetryByCursor(_ filter: SampleFilter, limit: Int) async throws {
        var query = TelemetryQuery(filter, limit: limit, countsTotal: false)
        // A store that returns the same page repeatedly would never end.
        for _ in 0...model.telemetry(query).total {
            let items = try await askTelemetry(query)
            guard items.count == limit, let last = items.last else { return }
            query.after = SampleCursor(last)
        }
    }

    mutating func askGPUs(_ filter: SampleFilter, limit: Int = .max, offset: Int = 0) async throws {
        let promise =
            "GPUs: those with samples meant, in the order of hostname, numeric gpu id, uuid, with the times of all their samples"
        let asked = "gpus(\(filter), limit: \(limit), offset: \(offset))"
        let store = self.store
        try await compare(promise, asked, model.gpus(filter), limit, offset) {
            try await store.gpus(filter, limit: limit, offset: offset)
        }
    }

    mutating func askGPU(_ uuid: String) async throws {
        let promise = "a GPU is found by its uuid"
        let asked = "gpu(uuid: \(uuid.debugDescription))"
        let store = self.store
        let expected = model.gpus(SampleFilter(uuids: [uuid])).first
        guard let found = try await answer(promise, asked, { Box(value: try await store.gpu(uuid: uuid)) }) else {
            return
        }
        try expect(promise, asked, found.value, expected)
    }

    mutating func askMetrics(_ uuid: String?) async throws {
        let (store, asked) = (self.store, "metrics(uuid: \(uuid.debugDescription))")
        try await compare("metrics: names in alphabetic order, with counts", asked, model.metrics(uuid: uuid)) {
            try await store.metrics(uuid: uuid)
        }
    }

    mutating func askLatest(_ filter: SampleFilter) async throws {
        let store = self.store
        try await compare(
            "the newest sample of every series, by metric name, uuid", "latest(\(filter))", model.latest(filter)
        ) {
            try await store.latest(filter)
        }
    }

    mutating func askSeries(_ filter: SampleFilter, limit: Int = .max, offset: Int = 0) async throws {
        let promise = "series: those with samples meant, by metric name, uuid, with counts and times of these"
        let asked = "series(\(filter), limit: \(limit), offset: \(offset))"
        let store = self.store
        try await compare(promise, asked, model.series(filter), limit, offset) {
            try await store.series(filter, limit: limit, offset: offset)
        }
    }

    mutating func askAggregate(_ query: AggregateQuery) async throws {
        let store = self.store
        let promise =
            "\(query.function.rawValue) by \(query.grouping.rawValue), in windows that begin at multiples since 1970"
        let expected = model.aggregate(query)
        guard let found = try await answer(promise, "aggregate(\(query))", { try await store.aggregate(query) }) else {
            return
        }
        if query.function == .sum || query.function == .avg, StoreExamination.areEqual(found, expected) { return }
        try expect(promise, "aggregate(\(query))", found, expected)
    }

    /// Equal except for the rounding of a sum, whose order is the database's.
    private static func areEqual(_ a: [AggregateSeries], _ b: [AggregateSeries]) -> Bool {
        a.map(\.group) == b.map(\.group)
            && zip(a, b).allSatisfy { a, b in
                a.points.map(\.time) == b.points.map(\.time)
                    && zip(a.points, b.points).allSatisfy { abs($0.value - $1.value) <= 1e-9 * max(1, abs($1.value)) }
            }
    }

    mutating func askStatistics() async throws {
        let store = self.store
        guard let found = try await answer("statistics", "statistics()", { try await store.statistics() }) else {
            return
        }
        try expect("statistics count what is held", "statistics()", found, model.statistics)
    }

    /// One query of every kind, and more if there are several ways to query.
    mutating func askEverything() async throws {
        let gpus = model.gpus(SampleFilter()).map(\.identity)
        let names = model.metrics(uuid: nil).map(\.name)
        try await askStatistics()
        try await askMetrics(nil)
        try await askGPUs(SampleFilter())
        try await askGPUs(SampleFilter(), limit: 7, offset: 3)
        try await askTelemetry(TelemetryQuery(SampleFilter()))
        guard let gpu = gpus.dropFirst(gpus.count / 2).first, let name = names.dropFirst(names.count / 2).first else {
            return
        }
        try await askMetrics(gpu.uuid)
        let middle = model.telemetry(TelemetryQuery(SampleFilter())).items
        let times = (middle[middle.count / 3].timestamp, middle[2 * middle.count / 3].timestamp)
        let filters = [
            SampleFilter(), SampleFilter(metricNames: [name]), SampleFilter(hostnames: [gpu.hostname]),
            SampleFilter(uuids: gpus.prefix(3).map(\.uuid)),
            SampleFilter(modelNames: [gpu.modelName]), SampleFilter(metricNames: [name], hostnames: [gpu.hostname]),
            SampleFilter(startTime: times.0, endTime: times.1),
        ]
        for filter in filters {
            try await askLatest(filter)
            try await askSeries(filter)
            try await askGPUs(filter)
            try await askTelemetry(TelemetryQuery(filter, limit: 100, offset: 5))
            try await askTelemetryByCursor(filter, limit: max(100, middle.count / 5))
            for function in AggregateQuery.Function.allCases {
                for grouping in AggregateQuery.Grouping.allCases {
                    try await askAggregate(
                        AggregateQuery(
                            metricName: name, filter: filter, function: function, window: .seconds(60),
                            grouping: grouping))
                }
            }
        }
    }
}

/// An optional, so that "nothing" and "threw" are distinct.
private struct Box<Value: Sendable>: Sendable {
    var value: Value?
}

extension Equatable {
    fileprivate var shown: String {
        guard let sample = self as? GPUMetric else { return String(describing: self) }
        return
            "\(sample.timestamp) \(sample.metricName) \(sample.value) of \(sample.gpu) with \(sample.labels.map { "\($0.name)=\($0.value.debugDescription)" })"
    }
}
