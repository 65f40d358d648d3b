import TelemetryKit
import Testing

@Suite("Sample digest")
struct SampleDigestTests {
    static let series = ["GPU-a", "GPU-b"].map {
        MetricSeries(
            metricName: "UTIL",
            gpu: GPUIdentity(gpuID: "0", device: "nvidia0", uuid: $0, modelName: "H100", hostname: "host"), labels: [])
    }

    static func batch(_ samples: [(series: Int, time: Int64, value: Double)]) -> MetricBatch {
        MetricBatch(
            batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0),
            metrics: samples.map {
                GPUMetric(timestamp: Timestamp(nanoseconds: $0.time), value: $0.value, series: series[$0.series])
            })
    }

    @Test("order, batches and the other parts of a series make no difference")
    func independence() throws {
        let samples: [(series: Int, time: Int64, value: Double)] = [(0, 1, 1), (1, 1, 2), (0, 2, -0.5), (1, 3, 2)]
        let whole = SampleDigest(Self.batch(samples))
        var parts = SampleDigest(Self.batch(Array(samples.reversed().prefix(1))))
        parts.add(SampleDigest(Self.batch(Array(samples.prefix(3).reversed()))))
        #expect(parts == whole)
        var codec = BatchCodec()
        #expect(SampleDigest(try codec.decode(try codec.encode(Self.batch(samples)))) == whole)
    }

    @Test("a sample that is lost, doubled, changed or of another GPU makes a difference")
    func differences() {
        let samples: [(series: Int, time: Int64, value: Double)] = [(0, 1, 1), (1, 1, 2), (0, 2, 3)]
        let whole = SampleDigest(Self.batch(samples))
        for (index, sample) in samples.enumerated() {
            var others = samples
            others.remove(at: index)
            #expect(SampleDigest(Self.batch(others)) != whole)
            #expect(SampleDigest(Self.batch(others + [sample, sample])).sum != whole.sum)
            #expect(
                SampleDigest(Self.batch(others + [(1 - sample.series, sample.time, sample.value)])).sum != whole.sum)
            #expect(
                SampleDigest(Self.batch(others + [(sample.series, sample.time + 1, sample.value)])).sum != whole.sum)
            #expect(
                SampleDigest(Self.batch(others + [(sample.series, sample.time, sample.value.nextUp)])).sum != whole.sum)
        }
    }

    @Test("it is the same in every process, since both ends of a pipeline write it down")
    func stability() {
        #expect(SampleDigest(Self.batch([(0, 1, 1), (1, 1, 2)])).description == "2-8de311b2601fc529")
        #expect(SampleDigest().description == "0-0000000000000000")
    }
}
