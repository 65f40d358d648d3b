import Foundation
import TelemetryBase
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryScraping
@testable import TelemetryStores

/// Each member has a value of its own, so that no format can confuse two of them.
@Suite("Members of a GPU's identity")
struct GPUMemberTests {
    let gpu = GPUIdentity { "v-" + $0.name }
    var series: MetricSeries { MetricSeries(metricName: "UTIL", gpu: gpu) }
    var sample: GPUMetric { GPUMetric(timestamp: Timestamp(nanoseconds: 5), value: 97, series: series) }

    @Test("the table lists each stored property once")
    func table() {
        let stored = Mirror(reflecting: gpu).children.compactMap { $0.value as? String }
        #expect(Set(stored) == Set(GPUMember.all.map { "v-" + $0.name }))
        #expect(stored.count == GPUMember.all.count && Set(stored).count == stored.count)
        for names in [GPUMember.all.map(\.name), GPUMember.all.map(\.column), GPUMember.all.map(\.label)] {
            #expect(Set(names).count == names.count)
        }
        let scraped = GPUMember.all.flatMap(\.scrapedLabels)
        #expect(Set(scraped).count == scraped.count)
        #expect(GPUMember.byName.count == GPUMember.gpuByName.count + GPUMember.workloadByName.count)
    }

    @Test("the order of the members is that of the formats")
    func order() {
        let names = ["gpu_id", "device", "uuid", "model_name", "hostname", "container", "pod", "namespace"]
        #expect(Array(GPUMember.all.map(\.name).prefix(8)) == names)
        #expect(
            LabelTemplate.members.map(\.name) == [
                "uuid", "hostname", "metric_name", "model_name", "device", "gpu_id", "container", "pod", "namespace",
            ])
        #expect(GPUMember.filters.map(\.member.name) == ["uuid", "hostname", "model_name"])
    }

    @Test("identities that differ in one member are not equal", arguments: GPUMember.all.map(\.name))
    func equality(name: String) {
        let other = GPUIdentity { $0.name == name ? "other" : $0.text(of: gpu) }
        #expect(other != gpu && Set([other, gpu]).count == 2)
        #expect(GPUIdentity { $0.text(of: gpu) } == gpu)
    }

    @Test("both batch formats and Codable read back what they wrote")
    func batches() throws {
        let batch = MetricBatch(batchID: "b", source: "s", collectedAt: sample.timestamp, metrics: [sample])
        for format in BatchFormat.allCases {
            let json = try batch.encoded(as: format)
            #expect(try MetricBatch.decode(json: json).metrics[0].gpu == gpu, "\(format)")
        }
        #expect(try JSONDecoder().decode(GPUMetric.self, from: JSONEncoder().encode(sample)).gpu == gpu)
    }

    @Test("JSON has the members by name, and the schema requires them")
    func json() throws {
        let info = GPUInfo(identity: gpu, firstSeen: sample.timestamp, lastSeen: sample.timestamp)
        let bytes = Shapes.gpu.bytes(of: info)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: String])
        let text = ByteWriter.json { $0.value(Shapes.gpu.schema) }
        let schema = try #require(try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any])
        let required = try #require(schema["required"] as? [String])
        let example = try #require((schema["examples"] as? [[String: String]])?.first)
        for member in GPUMember.all {
            #expect(object[member.name] == member.text(of: gpu))
            #expect(required.contains(member.name) && example[member.name] == member.example)
        }
    }

    @Test("an export as CSV is read back, and a file may lack only the columns that are not required")
    func csv() throws {
        var writer = ExportWriter(format: .csv)
        writer.begin()
        writer.append(sample)
        writer.end()
        let bytes = writer.take()
        var reader = try DCGMReader(try CSVReader(bytes: bytes))
        #expect(try reader.next()?.gpu == gpu)
        let text = String(decoding: bytes, as: UTF8.self)
        for member in GPUMember.all {
            let without = Array(text.replacingOccurrences(of: "," + member.column + ",", with: ",unknown,").utf8)
            if member.isRequired {
                #expect(throws: CSVError.self) { _ = try DCGMReader(try CSVReader(bytes: without)) }
            } else {
                var reader = try DCGMReader(try CSVReader(bytes: without))
                #expect(try reader.next()?.gpu == GPUIdentity { $0.name == member.name ? "" : $0.text(of: gpu) })
            }
        }
    }

    @Test("line protocol has them as tags and fields, in both layouts", arguments: [false, true])
    func lineProtocol(workloadTags: Bool) {
        let text = LineProtocolWriter.text(of: series, InfluxLayout(workloadTags: workloadTags))
        func pairs(_ text: some StringProtocol) -> [String: String] {
            var pairs: [String: String] = [:]
            for part in text.split(whereSeparator: { ", ".contains($0) }) {
                let sides = part.split(separator: "=", maxSplits: 1)
                if sides.count == 2 { pairs[String(sides[0])] = sides[1].replacingOccurrences(of: "\"", with: "") }
            }
            return pairs
        }
        let tags = pairs(String(decoding: text.head, as: UTF8.self))
        let fields = pairs(String(decoding: text.tail, as: UTF8.self))
        #expect(GPUIdentity(stored: { tags[$0] ?? fields[$0] }) == gpu)
        for member in GPUMember.all { #expect((tags[member.name] != nil) == (workloadTags || !member.isWorkload)) }
        for member in GPUMember.all { #expect(WideField.metric(of: member.name) == nil, "no metric has this field") }
    }

    @Test("VictoriaMetrics gets them as labels, and gives them back")
    func victoria() throws {
        let json = try VictoriaLabels.json(series, database: "db", maxBytes: 100)
        let labels = try #require(try JSONSerialization.jsonObject(with: Data(json)) as? [String: String])
        #expect(VictoriaLabels.gpu { labels[$0] ?? "" } == gpu)
        #expect(VictoriaLabels.identity.sorted() == GPUMember.all.map(\.name).sorted())
    }

    @Test("PromQL has them as the labels of dcgm-exporter, which a scrape reads")
    func labels() throws {
        let set = LabelSet(series)
        for member in GPUMember.all { #expect(set[member.label] == member.text(of: gpu)) }
        #expect(ScrapeLabels.gpu(of: set.labels, host: "other") == gpu)
        for member in GPUMember.all {
            for name in member.scrapedLabels {
                let labels = [MetricLabel(name: name, value: "v"), MetricLabel(name: "UUID", value: "v")]
                #expect(try #require(ScrapeLabels.gpu(of: labels, host: "")).uuid == "v")
                #expect(try #require(ScrapeLabels.gpu(of: labels, host: "")).texts[member.name] == "v", "\(name)")
            }
        }
    }

    @Test("a filter's lists select by the member that the table names")
    func filters() {
        for (member, list) in GPUMember.filters {
            var filter = SampleFilter()
            filter[keyPath: list] = [member.text(of: gpu)]
            #expect(filter.includes(series) && filter != SampleFilter())
            for other in GPUMember.all {
                let changed = GPUIdentity { $0.name == other.name ? "other" : $0.text(of: gpu) }
                #expect(filter.includes(MetricSeries(metricName: "UTIL", gpu: changed)) == (other.name != member.name))
            }
        }
    }
}

extension GPUIdentity {
    fileprivate var texts: [String: String] {
        Dictionary(uniqueKeysWithValues: GPUMember.all.map { ($0.name, $0.text(of: self)) })
    }
}
