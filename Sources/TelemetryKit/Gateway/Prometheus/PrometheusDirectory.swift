import TelemetryBase
import TelemetryModels
import TelemetryPromQL
import TelemetryStores

/// Lists the series, their labels and their metadata as Prometheus does, for tools that build queries.
struct PrometheusDirectory: Sendable {
    let store: any TelemetryStore
    /// The approximate maximum number of bytes of a list; a longer one throws ``APIError``.
    let maxBytes: Int

    /// The series that match any of the selectors (without selectors, all series) and have samples between the two
    /// times, sorted by their labels.
    ///
    /// Each has the labels of its newest sample: a series whose labels changed, such as the pod, is listed once.
    func series(_ selectors: [PromQLSelector], from start: Int64?, through end: Int64?) async throws -> [LabelSet] {
        var found: Set<LabelSet> = []
        var bytes = 0
        try await forEachSeries(selectors, from: start, through: end) { labels in
            guard found.insert(labels).inserted else { return }
            for label in labels.labels { bytes += label.name.utf8.count + label.value.utf8.count + 6 }
            guard bytes <= maxBytes else { throw APIError.responseTooLarge(maxBytes) }
        }
        return found.sorted(by: LabelSet.precedes)
    }

    /// The results of `texts` for the series, such as the values of a label; sorted, without duplicates.
    func texts(
        _ selectors: [PromQLSelector], from start: Int64?, through end: Int64?, _ texts: (LabelSet) -> [String]
    ) async throws -> [String] {
        var found: Set<ByteText> = []
        var bytes = 0
        try await forEachSeries(selectors, from: start, through: end) { labels in
            for text in texts(labels) where found.insert(ByteText(text)).inserted { bytes += text.utf8.count + 3 }
            guard bytes <= maxBytes else { throw APIError.responseTooLarge(maxBytes) }
        }
        return found.sorted().map(\.string)
    }

    /// Queries the store once, however many selectors there are.
    private func forEachSeries(
        _ selectors: [PromQLSelector], from start: Int64?, through end: Int64?, _ body: (LabelSet) throws -> Void
    ) async throws {
        let set = SelectorSet(selectors.map(\.matchers))
        guard let filter = try await set.filter(store, from: start ?? .min, through: end ?? .max) else { return }
        var check = CancellationCheck()
        for sample in try await store.latest(filter) {
            try check.step()
            let labels = LabelSet(sample.series)
            if set.matches(labels) { try body(labels) }
        }
        // An interrupted pattern matches nothing, which would be a wrong result.
        try Task.checkCancellation()
    }

    /// The fields in the catalogue of the metrics that have samples.
    func metadata(of name: String?, limit: Int) async throws -> [(name: String, field: DCGMField)] {
        let names = try await store.metrics(uuid: nil).map(\.name).filter { name == nil || $0 == name }
        let known = names.compactMap { name in DCGMCatalogue.field(named: name).map { (name, $0) } }
        return Array(known.prefix(limit))
    }
}

/// Several selectors, of which a series need match only one.
///
/// A series is only compared with the selectors that name its metric or no metric.
struct SelectorSet: Sendable {
    private let selectors: [[LabelMatcher]]
    private var byName: TextTable<[Int]> = [:]
    /// The selectors that do not list the names of their metrics.
    private var unnamed: [Int] = []

    /// Without selectors, all series match.
    init(_ selectors: [[LabelMatcher]]) {
        self.selectors = Array(Set(selectors))
        for (index, matchers) in self.selectors.enumerated() {
            let names = matchers.lazy.filter { $0.name == LabelSet.nameLabel }.compactMap(\.allowedValues).first
            if let names {
                for name in Set(names.map(ByteText.init)) { byName[name.string, default: []].append(index) }
            } else {
                unnamed.append(index)
            }
        }
    }

    func matches(_ labels: LabelSet) -> Bool {
        func matches(_ index: Int) -> Bool { selectors[index].allSatisfy { $0.matches(labels[$0.name]) } }
        return selectors.isEmpty || byName[labels[LabelSet.nameLabel]]?.contains(where: matches) ?? false
            || unnamed.contains(where: matches)
    }

    /// A filter that includes all samples that any of the selectors matches, and possibly more; `nil` if there are
    /// none.
    func filter(_ store: any TelemetryStore, from start: Int64, through end: Int64) async throws -> SampleFilter? {
        var metricNames: [String]?
        var union: SampleFilter?
        for matchers in selectors.isEmpty ? [[]] : selectors {
            let filter = try await SelectorFilter.filter(
                matchers, store, from: start, through: end, metricNames: &metricNames)
            guard let filter else { continue }
            guard let known = union else {
                union = filter
                continue
            }
            var both = filter
            both.metricNames = Self.union(known.metricNames, filter.metricNames)
            for (_, list) in GPUMember.filters {
                both[keyPath: list] = Self.union(known[keyPath: list], filter[keyPath: list])
            }
            union = both
        }
        return union
    }

    /// An empty list restricts nothing.
    private static func union(_ a: [String], _ b: [String]) -> [String] {
        a.isEmpty || b.isEmpty ? [] : Array(Set(a).union(b)).sorted()
    }
}
