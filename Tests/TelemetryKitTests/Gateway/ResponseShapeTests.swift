import Foundation
import TelemetryBase
import Testing

@testable import TelemetryGateway
@testable import TelemetryHTTP
@testable import TelemetryModels
@testable import TelemetryStores

@Suite("The forms of responses")
struct ResponseShapeTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// Of few series, in turns and in runs, with hostile texts.
    private func samples() async throws -> [GPUMetric] {
        try await filledStore(gpus: 3, ticks: 4).telemetry(TelemetryQuery(SampleFilter())).items
    }

    @Test("samples written for speed have the bytes of their form")
    func sampleWriters() async throws {
        let samples = try await samples()
        #expect(samples.contains { $0.gpu.pod == hostile } && samples.contains { !$0.labels.isEmpty })
        var writer = SampleWriter(format: .json)
        for sample in samples + samples.reversed() {
            let wanted = text(Shapes.sample.bytes(of: sample))
            var plain = ByteWriter()
            plain.appendJSON(sample)
            var fast = ByteWriter()
            writer.append(sample, to: &fast)
            #expect(text(plain.bytes) == wanted)
            #expect(text(fast.bytes) == wanted)
        }
    }

    @Test("an export has the bytes of its form, and a line end")
    func export() async throws {
        for samples in [[], try await samples()] {
            var writer = ExportWriter(format: .json)
            writer.begin()
            for sample in samples { writer.append(sample) }
            writer.end()
            #expect(text(writer.take()) == text(Shapes.export.bytes(of: samples, samples.count)) + "\n")
        }
    }

    @Test("a GPU can be read back, and a summary and statistics have the documented members")
    func members() throws {
        let sample = Shapes.exampleGPU
        let info = GPUInfo(identity: sample, firstSeen: Timestamp(nanoseconds: 5), lastSeen: Shapes.lastTime)
        #expect(try JSONDecoder().decode(GPUInfo.self, from: Data(Shapes.gpu.bytes(of: info))) == info)
        #expect(
            text(
                Shapes.metricList.bytes(
                    of: [MetricSummary(name: "m", sampleCount: 7, gpuCount: 2)], ListCounts(count: 1, total: 9)))
                == #"{"data":[{"name":"m","sample_count":7,"gpu_count":2}],"count":1,"total":9}"#)
        let store = StoreStatistics(
            sampleCount: 1, gpuCount: 2, metricCount: 3, hostCount: 4, oldest: nil, newest: Timestamp(nanoseconds: 0))
        let further = [(name: "a \"b\"", json: Array("[1]".utf8))]
        #expect(
            text(Shapes.statistics.bytes(of: Shapes.Statistics(store: store, uptimeSeconds: 5, further: further)))
                == #"{"store":{"sample_count":1,"gpu_count":2,"metric_count":3,"host_count":4,"oldest":null,"#
                + #""newest":"1970-01-01T00:00:00Z"},"uptime_seconds":5,"a \"b\"":[1]}"#)
    }

    @Test("a form that is part of another one is within its schema; one with a name is referred to")
    func schemas() {
        let part = ResponseShape<Int>([ResponseMember("n") { $0 }])
        let named = ResponseShape<Int>("Named", example: 7, [ResponseMember("n", .count) { $0 }])
        let whole = ResponseShape<[Int]>(
            "Whole", example: [7],
            [
                .array("parts", of: part) { $0 }, .array("named", of: named) { $0 },
                .optional("first") { $0.first }, .object("last", part) { $0.last ?? 0 },
            ])
        #expect(
            text(ByteWriter.json { $0.value(whole.schema) })
                == #"{"type":"object","required":["parts","named","last"],"properties":{"parts":{"type":"array","items":"#
                + #"{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}},"named":{"type":"array","#
                + ##""items":{"$ref":"#/components/schemas/Named"}},"first":{"type":"integer"},"last":{"type":"object","##
                + #""required":["n"],"properties":{"n":{"type":"integer"}}}},"examples":"#
                + #"[{"parts":[{"n":7}],"named":[{"n":7}],"first":7,"last":{"n":7}}]}"#)
        #expect(whole.parts.map(\.name) == ["Whole"] && whole.parts[0].parts.map(\.name) == ["Named"])
        #expect(text(whole.bytes(of: [])) == #"{"parts":[],"named":[],"last":{"n":0}}"#)
    }
}
