import TelemetryBase
import TelemetryHTTP
import TelemetryKit

// `==` holds for texts that are canonically equivalent; what was read and what was written must be the same bytes.

extension String {
    func hasBytes(of other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension Sequence<MetricLabel> {
    func hasBytes(of other: some Sequence<MetricLabel>) -> Bool {
        elementsEqual(other) { $0.name.hasBytes(of: $1.name) && $0.value.hasBytes(of: $1.value) }
    }
}

extension MetricSeries {
    func hasBytes(of other: MetricSeries) -> Bool {
        self === other
            || (metricName.hasBytes(of: other.metricName) && labels.hasBytes(of: other.labels)
                && zip(gpu.texts, other.gpu.texts).allSatisfy { $0.hasBytes(of: $1) })
    }
}

extension GPUIdentity {
    fileprivate var texts: [String] { [gpuID, device, uuid, modelName, hostname, container, pod, namespace] }
}

extension MetricBatch {
    /// Sample by sample, doubles by their bits. `nil`: there is no difference.
    func difference(from other: MetricBatch) -> String? {
        if !batchID.hasBytes(of: other.batchID) {
            return "the batch id is \(batchID.debugDescription), not \(other.batchID.debugDescription)"
        }
        if !source.hasBytes(of: other.source) {
            return "the source is \(source.debugDescription), not \(other.source.debugDescription)"
        }
        if collectedAt != other.collectedAt { return "it was collected at \(collectedAt), not \(other.collectedAt)" }
        if timestamps != other.timestamps { return "the times are \(timestamps), not \(other.timestamps)" }
        if values.map(\.bitPattern) != other.values.map(\.bitPattern) {
            return "the values are \(values), not \(other.values)"
        }
        for (i, (a, b)) in zip(metrics, other.metrics).enumerated() where !a.series.hasBytes(of: b.series) {
            return "sample \(i) is of \(a.series.shown), not \(b.series.shown)"
        }
        return nil
    }
}

extension MetricSeries {
    fileprivate var shown: String { "\(metricName.debugDescription) \(gpu) \(labels)" }
}
