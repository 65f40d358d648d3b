import TelemetryBase
import TelemetryModels
import TelemetryPromQL
import TelemetryStores

/// Which series there are, as Prometheus lists them for those who build queries.
struct PrometheusDirectory: Sendable {
    let store: any TelemetryStore
    /// About how many bytes of text a list may have; a longer one throws ``APIError``.
    let maxBytes: Int

    /// The series that match any of the selectors, or all without selectors, and have samples between the two times; in the order of
    /// their labels.
    ///
    /// Each with the labels of its newest sample: a series whose labels changed in between, as with another pod, is there once.
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

    /// What the series have by `texts`, such as the values of a label; each once, in order.
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

    /// Asks the store once, however many selectors there are.
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
        // A pattern that was interrupted matches nothing, and must not be believed.
        try Task.checkCancellation()
    }

    /// What the catalogue knows of the metrics that have samples.
    func metadata(of name: String?, limit: Int) async throws -> [(name: String, field: DCGMField)] {
        let names = try await store.metrics(uuid: nil).map(\.name).filter { name == nil || $0 == name }
        let known = names.compactMap { name in DCGMCatalogue.field(named: name).map { (name, $0) } }
        return Array(known.prefix(limit))
    }
}

/// Several selectors, of which a series need match only one.
///
/// A series is compared with those that name its metric and with those that name none, and not with all.
struct SelectorSet: Sendable {
    private let selectors: [[LabelMatcher]]
    private var byName: TextTable<[Int]> = [:]
    /// Those that do not spell out the names that they mean.
    private var unnamed: [Int] = []

    /// Without any, all series match.
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

    /// Includes all samples that any of the selectors means, and maybe more; `nil` if there can be none.
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
