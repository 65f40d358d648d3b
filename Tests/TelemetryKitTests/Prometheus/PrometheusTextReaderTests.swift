import Foundation
import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryStores

@Suite("Prometheus text reader")
struct PrometheusTextReaderTests {
    /// A sample with what its line says, for comparing.
    struct Line: Equatable, CustomStringConvertible {
        var name: String
        var labels: [MetricLabel]
        /// By bits, since NaN is not itself.
        var value: UInt64
        var timestamp: Int64?

        init(_ name: String, _ labels: [(String, String)], _ value: Double, _ timestamp: Int64? = nil) {
            self.name = name
            self.labels = labels.map { MetricLabel(name: $0.0, value: $0.1) }
            self.value = (value.isNaN ? .nan : value).bitPattern
            self.timestamp = timestamp
        }

        init(_ name: String, _ value: Double, _ timestamp: Int64? = nil) { self.init(name, [], value, timestamp) }

        init(_ sample: PrometheusSample, of series: PrometheusSeries) {
            self.init(series.name, series.labels.map { ($0.name, $0.value) }, sample.value, sample.timestamp)
        }

        var description: String {
            "\(name)\(labels.map { "\($0.name)=\($0.value.debugDescription)" }) \(Double(bitPattern: value)) \(timestamp.map(String.init) ?? "")"
        }
    }

    static func lines(_ reader: inout PrometheusTextReader) throws -> [Line] {
        var lines: [Line] = []
        while let sample = try reader.next() { lines.append(Line(sample, of: reader.series[Int(sample.series)])) }
        return lines
    }

    static func read(_ text: String) throws -> [Line] {
        var reader = PrometheusTextReader(bytes: text.utf8, name: "m.prom")
        return try lines(&reader)
    }

    @Test(
        "a line is a name, labels, a value and a time, with blanks and tabs between them",
        arguments: [
            ("a 1\n", [Line("a", 1)]),
            ("a{} 1\n", [Line("a", 1)]),
            ("a{ } 1\n", [Line("a", 1)]),
            ("a{b=\"1\"} 1\n", [Line("a", [("b", "1")], 1)]),
            ("a{b=\"1\",} 1\n", [Line("a", [("b", "1")], 1)]),
            ("a{b=\"1\"}1\n", [Line("a", [("b", "1")], 1)]),
            (" \ta\t { c = \"2\" , b = \"1\" , } \t1 \t 2\n", [Line("a", [("c", "2"), ("b", "1")], 1, 2)]),
            ("a 1 1752871354123\n", [Line("a", 1, 1_752_871_354_123)]),
            ("a 1 -5\n", [Line("a", 1, -5)]),
            ("a 1 +5\n", [Line("a", 1, 5)]),
            ("a 1 9223372036854775807\na 1 -9223372036854775808\n", [Line("a", 1, .max), Line("a", 1, .min)]),
            ("a 1 \n", [Line("a", 1)]),
            ("a 1 2 \n", [Line("a", 1, 2)]),
            (":a:b_9 1\n", [Line(":a:b_9", 1)]),
            ("a{b=\"}\",c=\"{\"} 1\n", [Line("a", [("b", "}"), ("c", "{")], 1)]),
            (#"a{b="C:\\dir\"x\"\n"} 1"# + "\n", [Line("a", [("b", "C:\\dir\"x\"\n")], 1)]),
            (#"a{b="\\",c="}"} 1"# + "\n", [Line("a", [("b", "\\"), ("c", "}")], 1)]),
            ("a{b=\"é 😀\"} 1\n", [Line("a", [("b", "é 😀")], 1)]),
            ("\n  \n\t\na 1\n\n", [Line("a", 1)]),
            (
                "# a comment\n#\n# \n#HELPER a b\n# EOF\n# UNIT a celsius\n# help a b\na 1\n# end, not ended",
                [Line("a", 1)]
            ),
            ("", []), ("\n", []), ("   ", []),
        ])
    func reads(text: String, expected: [Line]) throws {
        #expect(try Self.read(text) == expected)
    }

    @Test(
        "numbers are those of Prometheus' own parsers",
        arguments: [
            ("0", 0), ("-0", -0.0), ("1.5", 1.5), (".5", 0.5), ("5.", 5), ("+7", 7), ("1e3", 1000),
            ("-1.2E-3", -0.0012),
            ("9223372036854775794", 9_223_372_036_854_775_808), ("NaN", .nan), ("nan", .nan), ("NAN", .nan),
            ("Inf", .infinity),
            ("+Inf", .infinity), ("-Inf", -.infinity), ("inf", .infinity), ("+infinity", .infinity),
            ("-INFINITY", -.infinity), ("1e-999", 0),
        ] as [(String, Double)])
    func numbers(text: String, value: Double) throws {
        #expect(try Self.read("a \(text)\n") == [Line("a", value)])
    }

    @Test(
        "what cannot be read is an error with its line, byte, kind and reason",
        arguments: [
            ("a 1", 0, .lineNotEnded, "may be truncated"),
            ("9a 1\n", 1, .metricName, "a metric name instead of \"9a\""),
            ("a-b 1\n", 2, .metricName, "a blank or { after the name \"a\""),
            ("é 1\n", 1, .metricName, "\"é\""),
            ("{a=\"1\"} 1\n", 1, .metricName, "\"{a=\\\"1\\\"}\""),
            ("{\"a.b\", c=\"1\"} 1\n", 2, .quotedName, "later format"),
            ("\"a\" 1\n", 1, .quotedName, "later format"),
            ("# HELP \"a.b\" text\n", 8, .quotedName, "later format"),
            ("a{b=\"1\" 1\n", 2, .labels, "brace of the labels is not closed"),
            ("a{b=\"1} 1\n", 2, .labels, "quote of a label's value is not closed"),
            ("a{b=\"1\n", 2, .labels, "not closed"),
            ("a{b=1} 1\n", 5, .labels, "expected a quote"),
            ("a{9b=\"1\"} 1\n", 3, .labels, "label name"),
            ("a{b:c=\"1\"} 1\n", 4, .labels, "expected ="),
            ("a{,} 1\n", 3, .labels, "label name"),
            ("a{b=\"1\",,} 1\n", 9, .labels, "label name"),
            ("a{b=\"1\"c=\"2\"} 1\n", 8, .labels, "expected a comma"),
            ("a{b=\"1\",b=\"2\"} 1\n", 9, .labels, "label b occurs twice"),
            ("a{b=\"\\t\"} 1\n", 6, .labels, "escapes"),
            ("a{__name__=\"b\"} 1\n", 3, .labels, "__name__"),
            ("a\n", 2, .missingValue, "no value"),
            ("a{b=\"1\"} \n", 10, .missingValue, "no value"),
            ("a one\n", 3, .value, "\"one\" is not a number"),
            ("a 0x10\n", 3, .value, "not a number"),
            ("a 0x1p3\n", 3, .value, "not a number"),
            ("a 1_000\n", 3, .value, "not a number"),
            ("a 1,5\n", 3, .value, "not a number"),
            ("a +NaN\n", 3, .value, "not a number"),
            ("a infinit\n", 3, .value, "not a number"),
            ("a 1e999\n", 3, .value, "beyond the range of a Double"),
            ("a 1\r\n", 3, .value, "\"1\\r\" is not a number"),
            ("a N/A\n", 3, .value, "not a number"),
            ("a 1 1.5\n", 5, .timestamp, "\"1.5\" is not a timestamp in whole milliseconds"),
            ("a 1 9223372036854775808\n", 5, .timestamp, "whole milliseconds"),
            ("a 1 -9223372036854775809\n", 5, .timestamp, "whole milliseconds"),
            ("a 1 -\n", 5, .timestamp, "whole milliseconds"),
            ("a 1 2 3\n", 7, .trailingText, "\"3\" follows the sample"),
            ("a 1 # {id=\"x\"} 1\n", 5, .exemplar, "OpenMetrics"),
            ("a 1 2 # {id=\"x\"} 1\n", 7, .exemplar, "OpenMetrics"),
            ("# HELP\n", 7, .metadata, "HELP contains no metric name"),
            ("# TYPE \n", 8, .metadata, "TYPE contains no metric name"),
            ("# HELP a-b c\n", 9, .metadata, "expected a blank after the name \"a\""),
            ("# TYPE a\n", 9, .metadata, "the TYPE of a is missing"),
            ("# TYPE a timer\n", 10, .metadata, "\"timer\" is not a valid metric type"),
            ("# TYPE a gauge b\n", 10, .metadata, "\"gauge b\" is not a valid metric type"),
            ("# HELP a b\\t\n", 11, .metadata, "escapes in a HELP"),
            ("# HELP a b\\\n", 11, .metadata, "escapes in a HELP"),
        ] as [(String, Int, PrometheusTextError.Kind, String)])
    func refuses(text: String, column: Int, kind: PrometheusTextError.Kind, reason: String) {
        let error = #expect(throws: PrometheusTextError.self) { try Self.read("ok 1\n" + text) }
        #expect(error?.kind == kind)
        #expect(error?.line == 2)
        #expect(error?.column == column)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
        #expect(
            error?.description.hasPrefix(column > 0 ? "m.prom:2, byte \(column): " : "m.prom:2: ") == true,
            "\(error?.description ?? "")")
    }

    @Test("bytes that are not UTF-8 are refused in labels and in a HELP")
    func notUTF8() {
        for (bytes, kind) in [
            (Array("a{b=\"".utf8) + [0xFF] + Array("\"} 1\n".utf8), PrometheusTextError.Kind.labels),
            (Array("# HELP a ".utf8) + [0xC3, 0x0A], .invalidUTF8),
        ] {
            let error = #expect(throws: PrometheusTextError.self) {
                var reader = PrometheusTextReader(bytes: bytes)
                _ = try Self.lines(&reader)
            }
            #expect(error?.kind == kind)
        }
    }

    @Test("HELP and TYPE are known by name, with escapes resolved, and parts of a histogram find theirs")
    func families() throws {
        var reader = PrometheusTextReader(
            bytes: #"""
                # HELP a  one\\two\nthree "four" 
                # TYPE a counter
                a 1
                # TYPE h histogram
                h_bucket{le="+Inf"} 2
                h_sum 3
                h_count 4
                # TYPE s summary
                s_count 1
                s_bucket 1
                b_count 5
                # HELP b
                b 1
                #HELP c text
                c 2

                """#.utf8)
        var found: [String: PrometheusFamily] = [:]
        while let sample = try reader.next() {
            found[reader.series[Int(sample.series)].name] = reader.family(of: sample.series)
        }
        let a = PrometheusFamily(name: "a", help: "one\\two\nthree \"four\" ", type: .counter)
        #expect(found["a"] == a && reader.family(named: "a") == a)
        for part in ["h_bucket", "h_sum", "h_count"] {
            #expect(found[part] == PrometheusFamily(name: "h", type: .histogram))
        }
        #expect(found["s_count"]?.name == "s")
        // Summaries have no buckets, and b is no summary.
        #expect(found["s_bucket"] == nil && found["b_count"] == nil)
        #expect(found["b"] == PrometheusFamily(name: "b", help: ""))
        #expect(found["c"] == PrometheusFamily(name: "c", help: "text"))
        #expect(reader.family(named: "h_sum") == nil && reader.family(named: "none") == nil)
    }

    @Test("a second HELP or TYPE, and a TYPE behind samples, are errors; the samples stand")
    func repeatedMetadata() throws {
        var configuration = PrometheusTextReader.Configuration()
        configuration.badLines = .skip
        var reader = PrometheusTextReader(
            bytes:
                "# TYPE a gauge\n# TYPE a counter\n# HELP a x\na 1\n# HELP a y\nb 2\n# TYPE b gauge\n# HELP b late\nb 3\n"
                .utf8,
            configuration: configuration)
        #expect(try Self.lines(&reader) == [Line("a", 1), Line("b", 2), Line("b", 3)])
        #expect(reader.rejected.count == 3)
        #expect(reader.rejected.countsByReason == ["HELP or TYPE twice": 2, "TYPE after its samples": 1])
        #expect(reader.family(named: "a") == PrometheusFamily(name: "a", help: "x", type: .gauge))
        #expect(reader.family(named: "b") == PrometheusFamily(name: "b", help: "late"))
    }

    @Test(
        "lines that cannot be read are passed over and counted by kind, where that is asked for; else reading goes on behind them"
    )
    func policies() throws {
        let text = "a 1\nb x\nc{ 1\nd 4\ne y\nf 6"
        var configuration = PrometheusTextReader.Configuration()
        configuration.badLines = .skip
        var skipping = PrometheusTextReader(bytes: text.utf8, name: "m", configuration: configuration)
        #expect(try Self.lines(&skipping) == [Line("a", 1), Line("d", 4)])
        #expect(
            skipping.rejected.countsByReason == [
                "not a number": 2, "malformed labels": 1, "last line without a line feed": 1,
            ])
        #expect(skipping.rejected.first.first == "m:2, byte 3: the value \"x\" is not a number")

        var stopping = PrometheusTextReader(bytes: text.utf8)
        var events: [String] = []
        while true {
            do {
                guard let sample = try stopping.next() else { break }
                events.append(stopping.series[Int(sample.series)].name)
            } catch {
                events.append("\(error.line)")
            }
        }
        #expect(events == ["a", "2", "3", "d", "5", "6"])
    }

    @Test("a series keeps its index from line to line and from text to text, also where its bytes differ")
    func series() throws {
        var reader = PrometheusTextReader(bytes: "a{b=\"1\"} 1\na 2\na{b=\"1\",} 3\n".utf8)
        #expect(try Self.lines(&reader).count == 3)
        #expect(
            reader.series == [
                PrometheusSeries(name: "a", labels: [MetricLabel(name: "b", value: "1")]), PrometheusSeries(name: "a"),
            ])
        reader.open(bytes: "# TYPE a gauge\n# HELP a h\nb 0\na 4\na{b=\"1\"} 5\n".utf8)
        var indices: [UInt32] = []
        while let sample = try reader.next() { indices.append(sample.series) }
        #expect(indices == [2, 1, 0])
        #expect(reader.family(named: "a") == PrometheusFamily(name: "a", help: "h", type: .gauge))
        // What a text says of a metric does not hold for the next, and may be said again.
        reader.open(bytes: "a 1\n# HELP a h\n".utf8)
        #expect(try reader.next()?.series == 1)
        #expect(reader.family(named: "a") == nil)
        #expect(try reader.next() == nil)
        #expect(reader.line == 2)
        #expect(reader.family(named: "a") == PrometheusFamily(name: "a", help: "h"))
        for help in ["i", "h\\\\", "i", ""] {
            reader.open(bytes: "# HELP a \(help)\n".utf8)
            #expect(try Self.lines(&reader).isEmpty)
            #expect(reader.family(named: "a")?.help == help.replacing("\\\\", with: "\\"))
        }
    }

    @Test("series that are forgotten make room, and the others are found under their new indices")
    func forgetting() throws {
        var reader = PrometheusTextReader(bytes: "a 1\nb{x=\"1\"} 2\nc 3\nb{x=\"1\",} 4\nb{x=\"2\"} 5\n".utf8)
        #expect(try Self.lines(&reader).count == 5)
        #expect(reader.keepSeries { $0 == 1 || $0 == 2 } == [nil, 0, 1, nil])
        #expect(reader.series.map(\.name) == ["b", "c"] && reader.metrics.count == 2)
        reader.open(
            bytes:
                "# TYPE a gauge\n# TYPE c counter\n# TYPE b untyped\nb{x=\"1\",} 1\na 2\nc 3\nb{x=\"2\"} 4\nb{x=\"1\"} 5\n"
                .utf8)
        var found: [UInt32] = []
        var types: [PrometheusFamily.MetricType?] = []
        while let sample = try reader.next() {
            found.append(sample.series)
            types.append(reader.family(of: sample.series)?.type)
        }
        #expect(found == [0, 2, 1, 3, 0])
        #expect(types == [.untyped, .gauge, .counter, .untyped, .untyped])
    }

    @Test("names and labels that join to the same text are different series")
    func boundaries() throws {
        var reader = PrometheusTextReader(bytes: "ab{c=\"1\"} 1\na{bc=\"1\"} 1\n".utf8)
        #expect(try Self.lines(&reader).count == 2)
        #expect(reader.series.count == 2)
    }

    @Test("a line may be as long as allowed and no longer, however it is cut")
    func longLines() throws {
        for chunk in [1, 7, 4096] {
            var configuration = PrometheusTextReader.Configuration()
            configuration.maxLineBytes = 20
            configuration.badLines = .skip
            let long = "a{b=\"\(String(repeating: "x", count: 30))\"} 1\n"
            var rest = Array(("a{b=\"12345678901\"} 1\na{b=\"123456789012\"} 1\n" + long + "b 1\n# " + long).utf8)[...]
            configuration.chunkSize = chunk
            var reader = PrometheusTextReader(name: "m", configuration: configuration) { buffer in
                let piece = rest.prefix(buffer.count)
                buffer.copyBytes(from: piece)
                rest = rest.dropFirst(piece.count)
                return piece.count
            }
            #expect(try Self.lines(&reader).map(\.name) == ["a", "b"])
            #expect(reader.rejected.countsByReason == ["line too long": 3])
            #expect(reader.rejected.first.map { $0.prefix(3) } == ["m:2", "m:3", "m:5"])
        }
    }

    @Test("a file is read, and one that is not there is an error that names it")
    func files() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "metrics-\(UUID()).prom")
        defer { try? FileManager.default.removeItem(at: file) }
        try "a 1\n".write(to: file, atomically: true, encoding: .utf8)
        var reader = try PrometheusTextReader(path: file.path)
        #expect(try Self.lines(&reader) == [Line("a", 1)])
        let missing = #expect(throws: PrometheusTextError.self) {
            _ = try PrometheusTextReader(path: "/nonexistent.prom")
        }
        #expect(missing?.description == "/nonexistent.prom: No such file or directory")
        // Also under the policy that passes over lines.
        let directory = #expect(throws: PrometheusTextError.self) {
            var configuration = PrometheusTextReader.Configuration()
            configuration.badLines = .skip
            var reader = try PrometheusTextReader(path: "/", configuration: configuration)
            _ = try reader.next()
        }
        #expect(directory?.kind == .unreadable)
    }
}
