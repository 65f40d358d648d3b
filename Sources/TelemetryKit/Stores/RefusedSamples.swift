import TelemetryModels

/// Samples that a database refuses for good.
public struct RefusedSamples: Sendable {
    /// These samples alone, under the id and source of the batch that they came in.
    public var batch: MetricBatch
    /// In the database's words.
    public var reason: String

    /// Samples, and why the database refuses them.
    public init(batch: MetricBatch, reason: String) {
        self.batch = batch
        self.reason = reason
    }
}

extension RefusedSamples {
    /// One of the samples of a write whose value is finite, by its number among these.
    package struct Place: Sendable {
        package var number: Int
        package var reason: String

        package init(number: Int, reason: String) {
            self.number = number
            self.reason = reason
        }
    }

    package static func of(_ batches: [MetricBatch], _ refused: [Place]) -> [RefusedSamples] {
        let reasons = Dictionary(refused.map { ($0.number, $0.reason) }, uniquingKeysWith: { first, _ in first })
        var parts: [RefusedSamples] = []
        var number = 0
        for batch in batches {
            var known: [UInt32: UInt32] = [:]
            var reason: String?
            for i in batch.values.indices where batch.values[i].isFinite {
                defer { number += 1 }
                guard let said = reasons[number] else { continue }
                if said != reason {
                    parts.append(
                        RefusedSamples(
                            batch: MetricBatch(batchID: batch.batchID, source: batch.source, collectedAt: batch.collectedAt), reason: said))
                    known = [:]
                    reason = said
                }
                let place = batch.seriesIndices[i]
                let last = parts.count - 1
                let index = known[place] ?? parts[last].batch.addSeries(batch.series[Int(place)])
                known[place] = index
                parts[last].batch.append(seriesIndex: index, timestamp: batch.timestamps[i], value: batch.values[i])
            }
        }
        return parts
    }
}
