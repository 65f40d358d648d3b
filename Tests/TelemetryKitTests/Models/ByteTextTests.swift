import TelemetryBase
import Testing

@testable import TelemetryGateway
@testable import TelemetryHealth
@testable import TelemetryModels
@testable import TelemetryStores

@Suite("Texts by their bytes")
struct ByteTextTests {
    /// Equivalents, prefixes, empty, long (not held within the String itself), beyond the Basic Multilingual Plane.
    private static let texts =
        StoreConformance.likeTexts + [
            "", "a", "ab", "\u{0}", "\u{FFFD}", "😀", String(repeating: "x", count: 40),
            String(repeating: "x", count: 40) + "e\u{301}",
        ]
        + [String(repeating: "x", count: 40) + "\u{E9}"]

    @Test("equality, order and membership are those of the UTF-8")
    func bytes() {
        for a in Self.texts {
            for b in Self.texts {
                let (x, y) = (Array(a.utf8), Array(b.utf8))
                #expect((ByteText(a) == ByteText(b)) == (x == y))
                #expect((ByteText(a) < ByteText(b)) == x.lexicographicallyPrecedes(y))
            }
        }
        #expect(Set(Self.texts.map(ByteText.init)).count == Set(Self.texts.map { Array($0.utf8) }).count)
        #expect(Set(Self.texts).count < Self.texts.count)
    }

    @Test("cursors, filters, lists and series keys tell equivalent texts apart")
    func models() {
        let (one, two) = ("caf\u{E9}", "cafe\u{301}")
        #expect(one == two)
        let time = Timestamp(nanoseconds: 1)
        let cursors = [one, two].map { SampleCursor(timestamp: time, metricName: "M", uuid: $0) }
        #expect(cursors[0] != cursors[1] && cursors[1] < cursors[0])
        #expect(SampleFilter(uuids: [one]) != SampleFilter(uuids: [two]))
        #expect(!SampleFilter(uuids: [one]).includes(SuiteSamples.series(gpu: two)))
        #expect(SampleFilter(uuids: [one]).includes(SuiteSamples.series(gpu: one)))
        #expect(
            MetricSummary(name: one, sampleCount: 1, gpuCount: 1)
                != MetricSummary(name: two, sampleCount: 1, gpuCount: 1))
        #expect(AggregateSeries(group: one, points: []) != AggregateSeries(group: two, points: []))
        #expect(StoreOrder.SeriesKey(metricName: "M", uuid: one) != StoreOrder.SeriesKey(metricName: "M", uuid: two))
        #expect(SuiteSamples.series(gpu: two).gpu.precedes(SuiteSamples.series(gpu: one).gpu))
    }

    @Test("health keeps GPUs and hosts of equivalent names apart")
    func health() {
        let latest = StoreConformance.likeTexts.map {
            GPUMetric(timestamp: Timestamp(nanoseconds: 1), value: 1, series: SuiteSamples.series(gpu: $0, host: $0))
        }
        #expect(FleetHealth(latest: latest).hosts.count == latest.count)
    }
}
