import Foundation
import TelemetryBase
import TelemetryKit
import Testing

/// A batch with all the awkward things: many shapes of labels, doubles, times, texts.
func randomBatch(_ random: inout SeededRandom) -> MetricBatch {
    let texts = [
        "", "a", "host-1", "host-1:9400", "{", "{{", "}", "{uuid}", "quote \" back \\ slash", "line\nfeed\u{0}", "é😀",
        "{\u{301}", "host-1{x}",
    ]
    func text() -> String { texts.randomElement(using: &random)! }
    func name() -> String { text() + String(Int.random(in: 0..<4, using: &random)) }
    let gpus = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        GPUIdentity(
            gpuID: text(), device: text(), uuid: name(), modelName: text(), hostname: text(), container: text(),
            pod: text(),
            namespace: text())
    }
    var batch = MetricBatch(
        batchID: text(), source: text(), collectedAt: Timestamp(nanoseconds: Int64(bitPattern: random.next())))
    for _ in 0..<Int.random(in: 0...20, using: &random) {
        let gpu = gpus.randomElement(using: &random)!
        let metric = name()
        var labels: [MetricLabel] = []
        for i in 0..<Int.random(in: 0...4, using: &random) {
            let values = [
                gpu.uuid, gpu.hostname, gpu.hostname + text(), metric, gpu.pod, text(), gpu.hostname + ":9400",
            ]
            labels.append(MetricLabel(name: "\(text())\(i)", value: values.randomElement(using: &random)!))
        }
        _ = batch.addSeries(MetricSeries(metricName: metric, gpu: gpu, labels: labels))
    }
    guard !batch.series.isEmpty else { return batch }
    let regular = Bool.random(using: &random)
    var time = Int64(bitPattern: random.next())
    for i in 0..<Int.random(in: 0...60, using: &random) {
        let index = regular ? i % batch.series.count : Int.random(in: 0..<batch.series.count, using: &random)
        if !regular { time = Int64(bitPattern: random.next()) } else if index == 0 { time &+= 1_000_000_000 }
        var value = Double(bitPattern: random.next())
        if !value.isFinite || Bool.random(using: &random) {
            value = (Double.random(in: -1e6...1e6, using: &random) * 1e3).rounded() / 1e3
        }
        if Int.random(in: 0..<8, using: &random) == 0 {
            value = [0, -0.0, 1, .leastNonzeroMagnitude, .greatestFiniteMagnitude].randomElement(using: &random)!
        }
        batch.append(seriesIndex: UInt32(index), timestamp: time, value: value)
    }
    return batch
}

/// Sample by sample, doubles by their bits, texts by their bytes.
func expectSame(
    _ a: MetricBatch, _ b: MetricBatch, _ comment: Comment, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(
        a.batchID == b.batchID && a.source == b.source && a.collectedAt == b.collectedAt, comment,
        sourceLocation: sourceLocation)
    #expect(a.timestamps == b.timestamps, comment, sourceLocation: sourceLocation)
    #expect(a.values.map(\.bitPattern) == b.values.map(\.bitPattern), comment, sourceLocation: sourceLocation)
    #expect(a.metrics.map(\.series) == b.metrics.map(\.series), comment, sourceLocation: sourceLocation)
}

@Suite("Batch codec")
struct BatchCodecTests {
    @Test("any batch survives both formats, to the last bit", arguments: BatchFormat.allCases)
    func roundTrip(format: BatchFormat) throws {
        var random = SeededRandom(seed: 99)
        // One codec for all, so that what it remembers is tested too.
        var codec = BatchCodec(format: format)
        for round in 0..<2_000 {
            let batch = randomBatch(&random)
            let json = try codec.encode(batch)
            #expect(json.withUnsafeBytes { JSON.validate($0) } == nil)
            expectSame(try codec.decode(json), batch, "round \(round)")
            expectSame(try MetricBatch.decode(json: json), batch, "round \(round), fresh reader")
            #expect(try codec.encode(batch) == json, "the same batch gives the same bytes")
        }
    }

    @Test("a batch without samples survives")
    func empty() throws {
        for format in BatchFormat.allCases {
            let batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 1))
            expectSame(try MetricBatch.decode(json: try batch.encoded(as: format)), batch, "\(format)")
        }
    }

    @Test("series that no sample uses are left out of the text")
    func unusedSeries() throws {
        let gpu = GPUIdentity(gpuID: "0", device: "d", uuid: "u", modelName: "m", hostname: "h")
        var batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 1))
        _ = batch.addSeries(MetricSeries(metricName: "unused", gpu: gpu))
        let used = batch.addSeries(MetricSeries(metricName: "used", gpu: gpu))
        batch.append(seriesIndex: used, timestamp: 5, value: 1)
        let back = try MetricBatch.decode(json: try batch.encoded())
        expectSame(back, batch, "")
        #expect(back.series.map(\.metricName) == ["used"])
    }

    @Test("equal series of all batches that a codec reads are one object")
    func sharedSeries() throws {
        for format in BatchFormat.allCases {
            var codec = BatchCodec(format: format)
            let gpu = GPUIdentity(gpuID: "0", device: "d", uuid: "u", modelName: "m", hostname: "h")
            func batch(_ names: [String]) throws -> MetricBatch {
                var batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 1))
                for name in names {
                    let index = batch.addSeries(
                        MetricSeries(metricName: name, gpu: gpu, labels: [MetricLabel(name: "l", value: "v")]))
                    batch.append(seriesIndex: index, timestamp: 1, value: 1)
                }
                return try codec.decode(try codec.encode(batch))
            }
            let first = try batch(["a", "b"])
            let second = try batch(["c", "b"])
            #expect(first.series[1] === second.series[1])
        }
    }

    @Test("a value that JSON cannot say is refused by the writer", arguments: BatchFormat.allCases)
    func notFinite(format: BatchFormat) {
        let metric = GPUMetric(
            timestamp: Timestamp(nanoseconds: 0), metricName: "m", gpuID: "0", device: "d", uuid: "u", modelName: "m",
            hostname: "h",
            value: .nan)
        let batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 1), metrics: [metric])
        let error = #expect(throws: BatchError.self) { try batch.encoded(as: format) }
        #expect(error?.reason == "the value nan of sample 0 is not finite")
    }

    @Test("the plain format is what Codable writes and reads")
    func plainIsCodable() throws {
        var random = SeededRandom(seed: 5)
        for _ in 0..<50 {
            let batch = randomBatch(&random)
            let read = try JSONDecoder().decode(MetricBatch.self, from: Data(try batch.encoded(as: .plain)))
            // Codable objects have no order, so labels are compared sorted.
            func sorted(_ batch: MetricBatch) -> [[MetricLabel]] {
                batch.metrics.map { $0.labels.sorted { $0.name < $1.name } }
            }
            #expect(sorted(read) == sorted(batch))
            #expect(read.metrics.map(\.gpu) == batch.metrics.map(\.gpu))
            #expect(read.timestamps == batch.timestamps)
        }
    }

    @Test("members in any order and members that are not known are read over")
    func unknownMembers() throws {
        let plain = #"""
             {"x":[{}],"metrics":[{"labels":{"b":"2","a":"1"},"y":null,"value":1.5,"hostname":"h","model_name":"m","uuid":"u","device":"d",
             "gpu_id":"0","metric_name":"n","timestamp":"1970-01-01T00:00:01Z"}],"source":"s","collected_at":"1970-01-01T00:00:02Z","batch_id":"b"}
            """#
        let expected = GPUMetric(
            timestamp: Timestamp(nanoseconds: 1_000_000_000), metricName: "n", gpuID: "0", device: "d", uuid: "u",
            modelName: "m",
            hostname: "h", value: 1.5, labels: [MetricLabel(name: "b", value: "2"), MetricLabel(name: "a", value: "1")])
        #expect(Array(try MetricBatch.decode(json: Array(plain.utf8)).metrics) == [expected])
        let columnar = #"""
            {"samples":{"value":[1.5],"z":0,"time":[1000000000,1],"base_time":"1970-01-01T00:00:00Z","series":[1,1]},
             "series":{"gpu":[1,1],"metric":[1,1],"labels":[1,1],"z":[]},"labels":[["b","2","a","{gpu_id}1"]],"metrics":["n"],
             "gpus":[["u",0,1,2,3,4,4,4,"later"]],"strings":["","d","m","h",""],"later":true,
             "source":"s","collected_at":"1970-01-01T00:00:02Z","batch_id":"b","format":"columnar/1"}
            """#
        let read = try MetricBatch.decode(json: Array(columnar.utf8))
        #expect(read.metrics[0].labels == [MetricLabel(name: "b", value: "2"), MetricLabel(name: "a", value: "1")])
        #expect(read.metrics[0].gpu == GPUIdentity(gpuID: "", device: "d", uuid: "u", modelName: "m", hostname: "h"))
        #expect(read.timestamps == [1_000_000_000])
    }

    static let columnar =
        #"{"format":"columnar/1","batch_id":"b","source":"s","collected_at":"1970-01-01T00:00:02Z","strings":["0","d","m","h",""],"gpus":[["u",0,1,2,3,4,4,4]],"metrics":["n","o"],"labels":[["a","{uuid}"]],"series":{"gpu":[1,1,0,1],"metric":[1,2],"labels":[1,1,0,1]},"samples":{"series":[1,2,-1,1],"base_time":"1970-01-01T00:00:01Z","time":[0,3],"value":[1,2,3.5]}}"#

    @Test(
        "a columnar batch that contradicts itself is refused with the reason",
        arguments: [
            ("\"columnar/1\"", "\"columnar/2\"", "the format \"columnar/2\" is not supported"),
            (#","batch_id":"b""#, "", "has no batch_id"),
            (#""batch_id":"b""#, #""batch_id":"b","batch_id":"b""#, "has batch_id twice"),
            ("1970-01-01T00:00:02Z", "yesterday", "collected_at is not an RFC 3339 time"),
            (#"["u",0,1,2,3,4,4,4]"#, #"["u",0,1,2,3,4,4,5]"#, "gpus has the index 5, which is not in the table of 5"),
            (#"["u",0,1,2,3,4,4,4]"#, #"["u",-1,1,2,3,4,4,4]"#, "gpus has the index -1"),
            (#"["u",0,1,2,3,4,4,4]"#, #"["u",0,1,2,3,4,4]"#, "a row of gpus has 8 entries"),
            (#"["u",0"#, #"["",0"#, "empty uuid"),
            (#"["u",0"#, #"[7,0"#, "a string was expected"),
            (#"["n","o"]"#, #"["n"]"#, "metric has the index 1, which is not in the table of 1"),
            (#"["n","o"]"#, #"["n",""]"#, "empty name"),
            (#"["a","{uuid}"]"#, #"["a"]"#, "a name without a value"),
            (#"["a","{uuid}"]"#, #"["a","1","a","2"]"#, "the name a twice"),
            (#""{uuid}""#, #""{uuid""#, "a brace is not closed"),
            (#""{uuid}""#, #""{serial}""#, "{serial} is not a member"),
            (#""gpu":[1,1,0,1]"#, #""gpu":[1,2]"#, "gpu has the index 1, which is not in the table of 1"),
            (#""gpu":[1,1,0,1]"#, #""gpu":[1,1]"#, "metric has more than 1 entries"),
            (#""gpu":[1,1,0,1]"#, #""gpu":[1,1,0,9000000000]"#, "gpu has more than 3 entries"),
            (#""metric":[1,2]"#, #""metric":[1,1]"#, "metric has 1 entries instead of 2"),
            (#""metric":[1,2]"#, #""metric":[1,0]"#, "a run of metric counts 0"),
            (#""metric":[1,2]"#, #""metric":[1,-2]"#, "a run of metric counts -2"),
            (#""metric":[1,2]"#, #""metric":[1]"#, "a run of metric has no count"),
            (#""metric":[1,2]"#, #""metric":[1.5,2]"#, "an integer was expected"),
            (#""series":[1,2,-1,1]"#, #""series":[1,3]"#, "series has the index 2, which is not in the table of 2"),
            (#""series":[1,2,-1,1]"#, #""series":[1,2,-3,1]"#, "series has the index -2"),
            (#""series":[1,2,-1,1]"#, #""series":[1,2]"#, "series has 2 entries instead of 3"),
            (#""series":[1,2,-1,1]"#, #""series":[9223372036854775807,3]"#, "series has the index"),
            (#""time":[0,3]"#, #""time":[0,4]"#, "time has more than 3 entries"),
            (#""time":[0,3]"#, #""time":[0,2]"#, "time has 2 entries instead of 3"),
            (#""value":[1,2,3.5]"#, #""value":[1,2,"3"]"#, "not a JSON value"),
            (#""value":[1,2,3.5]"#, #""value":[1,2,1e999]"#, "does not fit a Double"),
            (#""value":[1,2,3.5]"#, #""value":[]"#, "more than 0 entries"),
            (#""base_time":"1970-01-01T00:00:01Z","#, "", "samples has no base_time"),
            ("}}", "}", "ends early"),
            ("}}", "}} x", "data after the value"),
        ])
    func refusesColumnar(old: String, new: String, reason: String) throws {
        _ = try MetricBatch.decode(json: Array(Self.columnar.utf8))
        let text = Self.columnar.replacing(old, with: new)
        try #require(text != Self.columnar)
        let error = #expect(throws: BatchError.self) { try MetricBatch.decode(json: Array(text.utf8)) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    static let plain =
        #"{"batch_id":"b","source":"s","collected_at":"1970-01-01T00:00:02Z","metrics":[{"timestamp":"1970-01-01T00:00:01Z","metric_name":"n","gpu_id":"0","device":"d","uuid":"u","model_name":"m","hostname":"h","container":"","pod":"","namespace":"","value":1,"labels":{"a":"1"}}]}"#

    @Test(
        "a plain batch that is not one is refused with the reason",
        arguments: [
            (#""metrics":[{"#, #""metricz":[{"#, "has no metrics"),
            (#""metrics":[{"#, #""metrics":[7,{"#, "an object was expected"),
            (#""value":1"#, #""value":"1""#, "metrics[0].value: a number was expected (at byte"),
            (#""value":1,"#, "", "metrics[0]: the metric has no value"),
            (#""value":1"#, #""value":1,"value":1"#, "metrics[0].value: the member occurs twice"),
            (#""uuid":"u","#, "", "metrics[0]: the metric has no uuid"),
            (#""uuid":"u""#, #""uuid":"""#, "uuid is empty"),
            (#""uuid":"u""#, #""uuid":"u","uuid":"u""#, "metrics[0].uuid: the member occurs twice"),
            (#""metric_name":"n""#, #""metric_name":"""#, "metric_name is empty"),
            ("1970-01-01T00:00:01Z", "1970-01-01", "metrics[0].timestamp: not an RFC 3339 time"),
            (#"{"a":"1"}"#, #"{"a":1}"#, "metrics[0].labels: a string was expected (at byte"),
            (#"{"a":"1"}"#, #"{"a":"1","a":"2"}"#, "labels has a name twice"),
            (#"{"a":"1"}"#, "[]", "an object was expected"),
            (#"}]}"#, #"}]"#, "ends early"),
        ])
    func refusesPlain(old: String, new: String, reason: String) throws {
        _ = try MetricBatch.decode(json: Array(Self.plain.utf8))
        let text = Self.plain.replacing(old, with: new)
        try #require(text != Self.plain)
        let error = #expect(throws: BatchError.self) { try MetricBatch.decode(json: Array(text.utf8)) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test("labels must not expand a short batch without bound")
    func expansion() {
        let long = String(repeating: "u", count: 2_000)
        let template = String(repeating: "{uuid}", count: 500)
        let text = Self.columnar.replacing("[\"u\"", with: "[\"\(long)\"").replacing("{uuid}", with: template)
        let error = #expect(throws: BatchError.self) { try MetricBatch.decode(json: Array(text.utf8)) }
        #expect(error?.reason.contains("expand to too much text") == true)
    }

    @Test("no change of single bytes makes the reader crash, and what it accepts it can write again")
    func mutations() throws {
        var random = SeededRandom(seed: 31)
        for text in [Self.columnar, Self.plain] {
            let bytes = Array(text.utf8)
            var codec = BatchCodec()
            for _ in 0..<20_000 {
                var mutant = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let at = mutant.indices.randomElement(using: &random)!
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: mutant[at] = UInt8.random(in: 0...255, using: &random)
                    case 1: mutant[at] = bytes.randomElement(using: &random)!
                    default: mutant.remove(at: at)
                    }
                }
                guard let batch = try? codec.decode(mutant) else { continue }
                expectSame(
                    try codec.decode(try codec.encode(batch)), batch, "\(String(decoding: mutant, as: UTF8.self))")
            }
        }
    }

    @Test(
        "the real export takes at most 12 bytes a sample at five ticks a batch",
        .enabled(if: RealExport.isPresent, RealExport.absent))
    func realExport() throws {
        var rows = DCGMRows()
        var reader = try DCGMReader(path: RealExport.path)
        try reader.read(into: &rows)
        var batch = MetricBatch(
            batchID: "streamer-1-0", source: "streamer-1", collectedAt: Timestamp(nanoseconds: rows.timestamps[0]))
        for series in reader.series { _ = batch.addSeries(series) }
        for tick in 0..<5 {
            for i in 0..<rows.count {
                batch.append(
                    seriesIndex: rows.seriesIndices[i], timestamp: rows.timestamps[i] + Int64(tick) * 5_000_000_000,
                    value: rows.values[i])
            }
        }
        let columnar = try batch.encoded()
        let plain = try batch.encoded(as: .plain)
        print(
            "real export, 5 ticks: columnar \(Double(columnar.count) / Double(batch.count)) bytes a sample, plain \(plain.count / batch.count)"
        )
        #expect(columnar.count <= 12 * batch.count)
        expectSame(try MetricBatch.decode(json: columnar), batch, "columnar")
        expectSame(try MetricBatch.decode(json: plain), batch, "plain")
    }
}
