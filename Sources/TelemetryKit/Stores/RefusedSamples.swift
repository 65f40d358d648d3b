import TelemetryModels

/// Samples that a database refuses permanently.
public struct RefusedSamples: Sendable {
    /// Only these samples, with the id and source of the batch that they arrived in.
    public var batch: MetricBatch
    /// The database's message.
    public var reason: String

    /// Creates refused samples with the reason.
    public init(batch: MetricBatch, reason: String) {
        self.batch = batch
        self.reason = reason
    }
}

extension RefusedSamples {
    /// One of the finite samples of a write, by its index among these.
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
                            batch: MetricBatch(
                                batchID: batch.batchID, source: batch.source, collectedAt: batch.collectedAt),
                            reason: said))
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
