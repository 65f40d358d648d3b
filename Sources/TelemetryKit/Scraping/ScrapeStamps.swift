import TelemetryBase
import TelemetryModels

/// The timestamps of scraped samples. A sample is identified by its metric, GPU and time; series that differ in other
/// labels, such as the MIG instance, the link or the pod, are distinguished by nanoseconds: the first has the scrape's
/// time, the next one nanosecond more, and so on.
///
/// A series keeps its offset as long as the source runs, so that it is the same in every scrape.
struct ScrapeStamps: Sendable {
    private struct Identity: Hashable {
        var metricName: ByteText
        var uuid: ByteText

        init(_ series: MetricSeries) {
            metricName = ByteText(series.metricName)
            uuid = ByteText(series.gpu.uuid)
        }
    }

    private var counts: [Identity: Int64] = [:]
    private var last = Int64.min
    private var largest: Int64 = 0

    /// The offset in nanoseconds of a new series' samples from those of the first series of its metric and GPU.
    mutating func distance(of series: MetricSeries) -> Int64 {
        let identity = Identity(series)
        let distance = counts[identity, default: 0]
        counts[identity] = distance + 1
        largest = max(largest, distance)
        return distance
    }

    /// The time of a scrape that begins now. It is after all samples of the previous scrape, even if the clock was set
    /// back.
    mutating func begin(at now: Timestamp) -> Int64 {
        last = max(now.nanoseconds, last.addingClamped(largest + 1))
        return last
    }

    /// Removes the offsets of other series.
    mutating func keep(_ series: some Sequence<MetricSeries>) {
        let kept = Set(series.map(Identity.init))
        counts = counts.filter { kept.contains($0.key) }
    }
}
