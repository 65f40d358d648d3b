import TelemetryBase
import Testing

@Suite("Prometheus text")
struct PrometheusTextTests {
    private func written(_ write: (inout ByteWriter) -> Void) -> String {
        var out = ByteWriter()
        write(&out)
        return String(decoding: out.bytes, as: UTF8.self)
    }

    @Test("a metric has its help and its type before its sample")
    func metric() {
        #expect(
            written { $0.appendMetric("rows_total", "counter", "Rows.", 7) }
                == "# HELP rows_total Rows.\n# TYPE rows_total counter\nrows_total 7\n")
        #expect(
            written { $0.appendMetric("age_seconds", "gauge", "Age.", real: 1.25) }
                == "# HELP age_seconds Age.\n# TYPE age_seconds gauge\nage_seconds 1.25\n")
    }

    @Test("backslash, quote and line feed of a label are escaped, and nothing else")
    func labels() {
        let text = written { $0.appendMetricSample("m", ["a": "plain", "b": "x\\y\"z\nw\t\u{1}é}", "c": ""], -3) }
        #expect(text == "m{a=\"plain\",b=\"x\\\\y\\\"z\\nw\t\u{1}é}\",c=\"\"} -3\n")
    }

    @Test("values that are no finite numbers have names of their own")
    func notFinite() {
        let text = written { out in
            for value in [Double.nan, .infinity, -.infinity, 0.1, 1e300] {
                out.appendMetricSample("m", [:], real: value)
            }
        }
        #expect(text == "m NaN\nm +Inf\nm -Inf\nm 0.1\nm 1e+300\n")
    }
}
