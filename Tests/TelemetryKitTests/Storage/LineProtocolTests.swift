import Testing

@testable import TelemetryDatabases
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Line protocol")
struct LineProtocolTests {
    static func lines(
        _ series: MetricSeries, _ value: Double = 1, at time: Int64 = 5, _ layout: InfluxLayout = InfluxLayout()
    ) -> String {
        var batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0))
        batch.append(seriesIndex: batch.addSeries(series), timestamp: time, value: value)
        return bodies([batch], maxBytes: 1 << 20, layout).map { String(decoding: $0.lines, as: UTF8.self) }.joined()
    }

    static func bodies(_ batches: [MetricBatch], maxBytes: Int, _ layout: InfluxLayout = InfluxLayout())
        -> [LineProtocolBodies.Body]
    {
        var bodies = LineProtocolBodies(batches, maxBytes: maxBytes, layout: layout)
        return Array(sequence(state: ()) { _ in bodies.next() })
    }

    static func series(
        _ metric: String = "m", uuid: String = "u", model: String = "H100", host: String = "h", pod: String = "",
        labels: [MetricLabel] = []
    ) -> MetricSeries {
        MetricSeries(
            metricName: metric,
            gpu: GPUIdentity(gpuID: "0", device: "nvidia0", uuid: uuid, modelName: model, hostname: host, pod: pod),
            labels: labels)
    }

    @Test("a sample is a line with sorted tags, a float value and nanoseconds")
    func plainLine() {
        #expect(
            Self.lines(Self.series(), 97, at: 1_752_871_354_000_000_001)
                == "m,device=nvidia0,gpu_id=0,hostname=h,model_name=H100,uuid=u value=97 1752871354000000001\n")
        #expect(Self.lines(Self.series(), -0.25, at: -3).hasSuffix(" value=-0.25 -3\n"))
        #expect(Self.lines(Self.series(), 1e300).contains(" value=1e+300 "))
    }

    @Test("comma, space and equals sign are escaped where the format asks for it")
    func escapes() {
        #expect(Self.lines(Self.series("a b,c=d")).hasPrefix(#"a\ b\,c=d,device="#))
        #expect(Self.lines(Self.series(model: "a b,c=d")).contains(#",model_name=a\ b\,c\=d,"#))
        #expect(Self.lines(Self.series(model: #"quo"te"#)).contains(#",model_name=quo"te,"#))
        #expect(Self.lines(Self.series(pod: #"p"o\d"#)).contains(#",pod="p\"o\\d" "#) == true)
    }

    @Test("what a tag cannot carry is percent-encoded: control characters, a backslash at the end, the percent sign")
    func encoding() {
        #expect(Self.lines(Self.series(model: #"end\"#)).contains(#",model_name=end%5c,"#))
        #expect(Self.lines(Self.series(model: #"do\main"#)).contains(#",model_name=do\main,"#))
        #expect(Self.lines(Self.series(model: "a\nb\r")).contains(",model_name=a%0ab%0d,"))
        #expect(Self.lines(Self.series("#m")).hasPrefix("%23m,"))
        #expect(Self.lines(Self.series(model: "5%")).contains(",model_name=5%25,"))
    }

    @Test("an empty tag is left out, and an empty metric name still is one")
    func emptyTexts() {
        #expect(Self.lines(Self.series("", model: "", host: "")) == "%,device=nvidia0,gpu_id=0,uuid=u value=1 5\n")
    }

    @Test("workload and labels are fields, or tags where that is asked for")
    func workload() {
        let series = Self.series(pod: "p", labels: [MetricLabel(name: "a", value: "x\"y")])
        #expect(Self.lines(series).hasSuffix(#",uuid=u value=1,pod="p",labels_raw="a=\"x\\\"y\"" 5"# + "\n"))
        #expect(
            Self.lines(series, 1, InfluxLayout(workloadTags: true)).contains(
                ",model_name=H100,pod=p,uuid=u value=1,labels_raw="))
    }

    @Test("a value that is not finite makes no line")
    func notFinite() {
        for value in [Double.nan, .infinity, -.infinity] { #expect(Self.lines(Self.series(), value) == "") }
    }

    @Test("every text is one line, and reads back as itself", arguments: SuiteSamples.hostileTexts)
    func everyText(_ text: String) {
        let lines = Self.lines(
            Self.series(
                text, uuid: text, model: text, host: text, pod: text, labels: [MetricLabel(name: text, value: text)]))
        #expect(lines.filter { $0 == "\n" }.count == 1)
        #expect(!lines.unicodeScalars.dropLast().contains { $0 == "\n" })
        #expect(LineProtocolText.decoded(LineProtocolText.encoded(text)) == text)
        let labels = [MetricLabel(name: text, value: text), MetricLabel(name: "b", value: text)]
        #expect((try? StoredLabels.labels(StoredLabels.text(labels))) == labels)
    }

    @Test("no two texts are stored as one")
    func injective() {
        var random = SeededRandom(seed: 3)
        let pieces = ["\\", "%", "%0a", "\n", ",", " ", "=", "#", "a", "%5C", "\"", ""]
        var seen: [String: String] = [:]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let stored = LineProtocolText.encoded(text)
            #expect(seen.updateValue(text, forKey: stored) ?? text == text)
            #expect(LineProtocolText.decoded(stored) == text)
        }
    }

    @Test("in the wide schema the metric is the field, and its labels stand beside it")
    func wide() {
        let wide = InfluxLayout(isWide: true)
        let series = Self.series("a b=c,d", pod: "p", labels: [MetricLabel(name: "k", value: "v")])
        #expect(
            Self.lines(series, 2, wide)
                == #"gpu,device=nvidia0,gpu_id=0,hostname=h,model_name=H100,uuid=u a\ b\=c\,d=2,pod="p",a\ b\=c\,d.labels="k=\"v\"" 5"#
                + "\n")
        #expect(
            Self.lines(Self.series(pod: "p"), 2, InfluxLayout(isWide: true, workloadTags: true))
                == "gpu,device=nvidia0,gpu_id=0,hostname=h,model_name=H100,pod=p,uuid=u m=2 5\n")
    }

    @Test("no metric's field is taken for another, for labels, or for what else is a field or a name to the database")
    func wideFields() {
        let names =
            SuiteSamples.hostileTexts + [
                "pod", "time", "uuid", "_field", "a.labels", "a", ".labels", "pod.labels", "a%2elabels",
            ]
        var fields: Set<String> = []
        for name in Set(names) {
            let field = WideField.name(of: name)
            #expect(WideField.metric(of: field) == name)
            #expect(
                fields.insert(field).inserted && fields.insert(field + WideField.labelsSuffix).inserted,
                "\(name.debugDescription)")
            #expect(WideField.metric(of: field + WideField.labelsSuffix) == nil)
        }
        for field in ["pod", "container", "namespace", "time", "_time"] { #expect(WideField.metric(of: field) == nil) }
    }

    @Test("bodies are cut between lines, count them, and never outgrow their memory")
    func bodies() {
        var batch = MetricBatch(batchID: "b", source: "s", collectedAt: Timestamp(nanoseconds: 0))
        let index = batch.addSeries(Self.series())
        for i in 0..<1000 {
            batch.append(seriesIndex: index, timestamp: .min + Int64(i), value: -1.2345678901234567e-300)
        }
        batch.append(seriesIndex: index, timestamp: 0, value: .nan)
        batch.append(seriesIndex: index, timestamp: 999, value: 999)
        for size in [1, 4096, 1 << 30] {
            var bodies = LineProtocolBodies([batch, batch], maxBytes: size)
            var lines: [Substring] = []
            while let body = bodies.next() {
                #expect(body.firstLine == lines.count)
                #expect(body.lines.last == UInt8(ascii: "\n") && body.lines.count < size + 200)
                #expect(body.lines.capacity <= min(2 * 1002 * 160, size + 200))
                lines += String(decoding: body.lines, as: UTF8.self).split(separator: "\n")
            }
            #expect(lines.count == 2002)
            #expect(lines.last?.hasSuffix(" value=999 999") == true)
        }
    }
}
