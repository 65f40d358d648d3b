import Foundation
import TelemetryKit
import Testing

@Suite("Prometheus text against its makers' parsers", .timeLimit(.minutes(20)))
struct PrometheusTextOracleTests {
    typealias Line = PrometheusTextReaderTests.Line

    @Test("random texts are read back as they were written, however they are cut", arguments: 0..<60)
    func roundTrip(seed: Int) throws {
        let written = RandomExposition(seed: UInt64(seed))
        var whole = PrometheusTextReader(bytes: written.text.utf8)
        #expect(try PrometheusTextReaderTests.lines(&whole) == written.lines, "seed \(seed)")
        for family in written.families { #expect(whole.family(named: family.name) == family, "seed \(seed)") }

        let bytes = Array(written.text.utf8)
        for chunk in [1, 2, 3, 5, 64] {
            var configuration = PrometheusTextReader.Configuration()
            configuration.chunkSize = chunk
            var at = 0
            var reader = PrometheusTextReader(name: "m", configuration: configuration) { buffer in
                let count = min(buffer.count, chunk, bytes.count - at)
                buffer.copyBytes(from: bytes[at..<at + count])
                at += count
                return count
            }
            #expect(try PrometheusTextReaderTests.lines(&reader) == written.lines, "seed \(seed), chunks of \(chunk)")
        }
    }

    @Test("a text that is cut anywhere gives only samples that the whole has, and says so where a sample is cut")
    func cut() throws {
        let written = try #require(
            (0..<UInt64(50)).lazy.map { RandomExposition(seed: $0) }.first { $0.lines.count > 10 })
        let bytes = Array(written.text.utf8)
        for end in 0..<bytes.count {
            var configuration = PrometheusTextReader.Configuration()
            configuration.badLines = .skip
            var reader = PrometheusTextReader(bytes: bytes[..<end], configuration: configuration)
            let lines = try PrometheusTextReaderTests.lines(&reader)
            #expect(lines == Array(written.lines.prefix(lines.count)))
            #expect(
                reader.rejected.count <= 1
                    && reader.rejected.countsByReason.keys.allSatisfy { $0 == "last line without a line feed" })
        }
    }

    /// Texts whose acceptance is a matter of the format, not of taste.
    static let texts = [
        "a 1\n", "a 1", "a 1\r\n", "a{} 1\n", "a{}1\n", "a{ } 1\n", "a{,} 1\n", "  a 1\n", "a {b=\"1\"} 1\n",
        "a{b=\"1\",} 1\n",
        "a{b=\"1\",,} 1\n", "a{b=\"1\" c=\"2\"} 1\n", "a{b=\"1\",b=\"2\"} 1\n", "a{b='1'} 1\n", "a{b=\"1\n\"} 1\n",
        "a{b=\"\\t\"} 1\n",
        "a{b=\"\\\\\\\"\\n\"} 1\n", "a{9b=\"1\"} 1\n", "a{__name__=\"b\"} 1\n", "a{b=\"}\"} 1\n", "a{b=\"1\"\n",
        "9a 1\n", "a-b 1\n", ":a 1\n",
        "{a=\"1\"} 1\n", "\"a\" 1\n", "a\n", "a nan\n", "a +NaN\n", "a -nan\n", "a infinity\n", "a -INF\n", "a .5\n",
        "a 5.\n", "a 1e999\n",
        "a -1e999\n", "a 1e-999\n", "a 0x10\n", "a 0x1p3\n", "a 1_0\n", "a --1\n", "a 1 5\n", "a 1 -5\n", "a 1 +5\n",
        "a 1 1.5\n", "a 1 5 6\n",
        "a 1 99999999999999999999\n", "a 1 # {x=\"1\"} 1\n", "# EOF\n", "#HELP a x\n#HELP a y\n", "# HELP a\n",
        "# HELP a b\\\\c\\n\n",
        "# HELP a b\\t\na 1\n", "# TYPE a foo\n", "# TYPE a gauge x\n", "# TYPE a gauge\n# TYPE a gauge\n",
        "a 1\n# TYPE a gauge\n",
        "# HELP a b\n# HELP a b\n", "# TYPE a untyped\na 1\n", "# HELP a-b c\n", "\u{FEFF}a 1\n",
        "# TYPE a counter\na 1\n# HELP a x\n", "\n\n",
    ]

    /// `promtool check metrics` exits with 1 for what it cannot read, and with 3 for what it would name otherwise.
    @Test("promtool takes and refuses the same texts", arguments: texts)
    func promtool(text: String) throws {
        let said = try Command.run(["promtool", "check", "metrics"], input: Array(text.utf8))
        try #require([0, 1, 3].contains(said.status), "make test installs promtool (Debian's package prometheus)")
        let output = String(decoding: said.output, as: UTF8.self)
        do {
            _ = try PrometheusTextReaderTests.read(text)
            #expect(said.status != 1, "\(text.debugDescription): \(output)")
        } catch {
            #expect(said.status == 1, "\(text.debugDescription): \(error)")
        }
    }

    @Test("the Python client finds the same names, labels, values and times in random texts")
    func pythonClient() throws {
        let texts = (100..<200).map { RandomExposition(seed: UInt64($0), strictBlanks: true) }
        // Numbers as hexadecimal floats: no digit is lost.
        let script = """
            import json, sys
            from prometheus_client.parser import text_string_to_metric_families
            found = []
            for text in json.load(sys.stdin):
                families = list(text_string_to_metric_families(text))
                found.append([[s.name, list(s.labels.items()), float(s.value).hex(), None if s.timestamp is None else round(float(s.timestamp) * 1000),
                    f.type] for f in families for s in f.samples])
            json.dump(found, sys.stdout)
            """
        let said = try Command.run(
            [Command.python, "-c", script], input: Array(JSONEncoder().encode(texts.map(\.text))))
        try #require(
            said.status == 0,
            "make test installs prometheus-client; it says: \(String(decoding: said.output, as: UTF8.self))")
        let found = try #require(try JSONSerialization.jsonObject(with: said.output) as? [[[Any]]])
        try #require(found.count == texts.count)
        for (written, found) in zip(texts, found) {
            var reader = PrometheusTextReader(bytes: written.text.utf8)
            var ours: [Line] = []
            while let sample = try reader.next() {
                var line = Line(sample, of: reader.series[Int(sample.series)])
                // The client gives counters the names that they have in OpenMetrics.
                if reader.family(of: sample.series)?.type == .counter { line.name += "_total" }
                ours.append(line)
            }
            let theirs = try found.map { parts -> Line in
                let value = try #require(parts[2] as? String)
                return Line(
                    try #require(parts[0] as? String), try #require(parts[1] as? [[String]]).map { ($0[0], $0[1]) },
                    try #require(Double(value)), (parts[3] as? NSNumber)?.int64Value)
            }
            #expect(ours == theirs)
        }
    }
}
