import Foundation
import TelemetryKit
import Testing

/// Batches as `encoding/json` of Go writes the structs of the system that this one reimplements: an `int` as the GPU's id, times in RFC 3339
/// with nanoseconds and any zone, empty members left out by `omitempty`, `null` for a nil map or slice, and `<`, `>`, `&` as escapes.
@Suite("Batches that programs in Go write")
struct GoBatchTests {
    static let batch = #"""
        {"batch_id":"streamer-1-1752871359","source":"streamer-1","collected_at":"2025-07-18T20:42:39.000000001Z","metrics":[
        {"timestamp":"2025-07-18T20:42:34.123456789Z","metric_name":"DCGM_FI_DEV_GPU_UTIL","gpu_id":0,"device":"nvidia0",
        "uuid":"GPU-5fd4f087","model_name":"NVIDIA H100 80GB HBM3","hostname":"node1","value":97,
        "labels":{"DCGM_FI_DRIVER_VERSION":"535.129.03","note":"\u003ca\u0026b\u003e \u2028"}},
        {"timestamp":"2025-07-18T22:42:34.5+02:00","metric_name":"DCGM_FI_DEV_POWER_USAGE","gpu_id":7,"device":"nvidia7",
        "uuid":"GPU-77","model_name":"NVIDIA H100 80GB HBM3","hostname":"node1","container":"c","pod":"p","namespace":"n",
        "value":4.1225e+2,"labels":null,"raw_line":{"not":["known",null,1e-7]}},
        {"value":1e+21,"uuid":"GPU-77","hostname":"node1","gpu_id":7,"metric_name":"M","timestamp":"2025-07-18T20:42:35Z"}]}
        """#

    static func metrics(_ text: String) throws -> [GPUMetric] {
        Array(try MetricBatch.decode(json: Array(text.utf8)).metrics)
    }

    @Test("integers as ids, absent and null members, zones, escapes and exponents are read")
    func reads() throws {
        let metrics = try Self.metrics(Self.batch)
        #expect(metrics.map(\.gpu.gpuID) == ["0", "7", "7"])
        #expect(metrics.map(\.gpu.uuid) == ["GPU-5fd4f087", "GPU-77", "GPU-77"])
        #expect(metrics.map(\.gpu.device) == ["nvidia0", "nvidia7", ""])
        #expect(metrics.map(\.gpu.pod) == ["", "p", ""])
        #expect(metrics.map(\.value) == [97, 412.25, 1e21])
        #expect(
            metrics.map(\.timestamp.description)
                == ["2025-07-18T20:42:34.123456789Z", "2025-07-18T20:42:34.5Z", "2025-07-18T20:42:35Z"])
        #expect(metrics.map(\.series.labels.count) == [2, 0, 0])
        #expect(metrics[0].series.labels[1].value == "<a&b> \u{2028}")
    }

    @Test("Codable reads the same")
    func codable() throws {
        let read = try JSONDecoder().decode(MetricBatch.self, from: Data(Self.batch.utf8))
        #expect(read.metrics.map(\.gpu) == (try Self.metrics(Self.batch)).map(\.gpu))
        #expect(read.metrics.map(\.value) == [97, 412.25, 1e21])
    }

    @Test("an id is the same GPU as a string and as an integer")
    func sameSeries() throws {
        var codec = BatchCodec()
        func read(_ id: String) throws -> MetricSeries {
            let text =
                #"{"metrics":[{"timestamp":"2025-07-18T20:42:35Z","metric_name":"m","uuid":"u","gpu_id":\#(id),"value":1}]}"#
            return try codec.decode(Array(text.utf8)).series[0]
        }
        #expect(try read("3") === (try read(#""3""#)))
        #expect(try read("-1").gpu.gpuID == "-1")
        #expect(try read("18446744073709551615").gpu.gpuID == "18446744073709551615")
        #expect(try read("null").gpu.gpuID == "")
    }

    @Test("a batch that was never closed, or has no list, is one all the same")
    func zeroValues() throws {
        let metric = #"{"timestamp":"2025-07-18T20:42:35Z","metric_name":"m","uuid":"u","value":1}"#
        for members in [
            #""collected_at":"0001-01-01T00:00:00Z","#, #""collected_at":null,"source":null,"batch_id":null,"#, "",
        ] {
            let batch = try MetricBatch.decode(json: Array("{\(members)\"metrics\":[\(metric)]}".utf8))
            #expect(batch.collectedAt.description == "2025-07-18T20:42:35Z" && batch.count == 1)
        }
        #expect(try MetricBatch.decode(json: Array(#"{"batch_id":7,"metrics":null}"#.utf8)).batchID == "7")
    }

    @Test(
        "what no struct of Go's could write is refused, by member and byte",
        arguments: [
            (#""gpu_id":0"#, #""gpu_id":0.5"#, "metrics[0].gpu_id: a string or an integer was expected"),
            (#""gpu_id":0"#, #""gpu_id":true"#, "metrics[0].gpu_id: a string or an integer was expected"),
            (#""gpu_id":0"#, #""gpu_id":{}"#, "metrics[0].gpu_id: a string or an integer was expected"),
            (#""value":4.1225e+2"#, #""value":null"#, "metrics[1].value: a number was expected"),
            (#""value":1e+21,"#, "", "metrics[2]: the metric has no value"),
            (#""uuid":"GPU-5fd4f087""#, #""uuid":null"#, "metrics[0]: uuid is empty"),
            (
                #""timestamp":"2025-07-18T20:42:35Z""#, #""timestamp":"0001-01-01T00:00:00Z""#,
                "metrics[2].timestamp: not an RFC 3339 time"
            ),
            (#""labels":null"#, #""labels":[]"#, "metrics[1].labels: an object was expected"),
            (#""source":"streamer-1""#, #""source":[]"#, "source: a string or an integer was expected"),
        ])
    func refuses(old: String, new: String, reason: String) throws {
        let text = Self.batch.replacing(old, with: new)
        try #require(text != Self.batch)
        let error = #expect(throws: BatchError.self) { try MetricBatch.decode(json: Array(text.utf8)) }
        let description = error?.description ?? ""
        #expect(description.contains(reason) && description.contains("(at byte "), "\(description)")
        // The byte that it names is in the neighbourhood of the change.
        let place = text.utf8.distance(
            from: text.startIndex, to: try #require(text.firstRange(of: new.isEmpty ? "]}" : new)).lowerBound)
        if !new.isEmpty, !reason.contains("uuid is empty") {
            #expect((place...place + new.utf8.count).contains(error?.offset ?? -1))
        }
    }
}
