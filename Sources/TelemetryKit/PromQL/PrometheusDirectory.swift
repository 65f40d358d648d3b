/// Which series there are, as Prometheus tells it to those who build queries.
struct PrometheusDirectory: Sendable {
    let store: any TelemetryStore

    /// The series that fit any of the selectors, or all without selectors, and have samples between the two times; in the order of
    /// their labels.
    ///
    /// Each with the labels of its newest sample: a series whose labels changed in between, as with another pod, is there once.
    func series(_ selectors: [PromQLSelector], from start: Int64?, through end: Int64?) async throws -> [LabelSet] {
        var found: Set<LabelSet> = []
        for matchers in selectors.isEmpty ? [[]] : selectors.map(\.matchers) {
            let bounds = (start ?? .min, end ?? .max)
            guard let filter = try await SelectorFilter.filter(matchers, store, from: bounds.0, through: bounds.1) else { continue }
            for sample in try await store.latest(filter) {
                let labels = LabelSet(sample.series)
                if matchers.allSatisfy({ $0.matches(labels[$0.name]) }) { found.insert(labels) }
            }
        }
        return found.sorted(by: LabelSet.precedes)
    }

    /// What the catalogue knows of the metrics that have samples.
    func metadata(of name: String?, limit: Int) async throws -> [(name: String, field: DCGMField)] {
        let names = try await store.metrics(uuid: nil).map(\.name).filter { name == nil || $0 == name }
        let known = names.compactMap { name in DCGMCatalogue.field(named: name).map { (name, $0) } }
        return Array(known.prefix(limit))
    }
}
