import TelemetryBase
import TelemetryModels

/// The labels of a series or of a result, including its name as `__name__`. Shared by all samples that have them.
package final class LabelSet: Hashable, Sendable {
    static let empty = LabelSet([])
    package static let nameLabel = "__name__"

    /// Sorted by name; values are not empty, because in Prometheus an empty label is the same as a missing one.
    package let labels: [MetricLabel]
    private let contentHash: Int

    /// Creates a set from labels with unique names, in any order.
    init(_ labels: [MetricLabel]) {
        self.labels = labels.filter { !$0.value.isEmpty }.sorted { $0.name.precedes($1.name) }
        var hasher = Hasher()
        hasher.combine(self.labels)
        contentHash = hasher.finalize()
    }

    package static func == (a: LabelSet, b: LabelSet) -> Bool {
        a === b || (a.contentHash == b.contentHash && a.labels == b.labels)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(contentHash) }

    /// Returns the empty text if the label is missing.
    package subscript(_ name: String) -> String { labels.first { $0.name.hasBytes(of: name) }?.value ?? "" }

    func keeping(_ names: [String]) -> LabelSet { LabelSet(labels.filter { names.hasText($0.name) }) }

    func dropping(_ names: [String]) -> LabelSet { LabelSet(labels.filter { !names.hasText($0.name) }) }

    /// Sets a label; an empty value removes it.
    func setting(_ name: String, _ value: String) -> LabelSet {
        LabelSet(labels.filter { !$0.name.hasBytes(of: name) } + [MetricLabel(name: name, value: value)])
    }

    /// Orders by names and values, label by label.
    package static func precedes(_ a: LabelSet, _ b: LabelSet) -> Bool {
        for (x, y) in zip(a.labels, b.labels) where x != y {
            return (ByteText(x.name), ByteText(x.value)) < (ByteText(y.name), ByteText(y.value))
        }
        return a.labels.count < b.labels.count
    }
}

/// Creates the labels that a store's series has in PromQL.
extension LabelSet {
    /// Its own labels, and those of `dcgm-exporter` for what its GPU says beyond them. The members that a store can
    /// filter by are always the GPU's.
    package convenience init(_ series: MetricSeries) {
        let gpu = series.gpu
        var labels = [MetricLabel(name: Self.nameLabel, value: series.metricName)]
        for (member, _) in GPUMember.filters {
            labels.append(MetricLabel(name: member.label, value: member.text(of: gpu)))
        }
        let fixed = labels.map(\.name)
        labels += series.labels.filter { !$0.value.isEmpty && !fixed.hasText($0.name) }
        for member in GPUMember.all where !labels.contains(where: { $0.name.hasBytes(of: member.label) }) {
            labels.append(MetricLabel(name: member.label, value: member.text(of: gpu)))
        }
        self.init(labels)
    }
}
