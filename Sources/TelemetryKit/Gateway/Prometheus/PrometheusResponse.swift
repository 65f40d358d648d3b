import TelemetryBase
import TelemetryHTTP
import TelemetryPromQL

/// The JSON of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api).
enum PrometheusResponse {
    private static let envelope = EnvelopeShape<Void>(
        "PrometheusResponse", leading: [ResponseMember("status", .constant("success")) { "success" }],
        data: .any.described("As in the HTTP API of Prometheus."), example: ()
    ) { json in
        write(resultType: "vector", to: &json) { _ in }
    }

    static let content = ResponseContent(HTTPResponse.json, component: envelope.component)

    /// `{"status":"success","data":…}`
    static func success(_ data: (inout JSONWriter<ByteWriter>) -> Void) -> HTTPResponse {
        HTTPResponse(contentType: HTTPResponse.json, ByteWriter.json { envelope.write((), to: &$0, data: data) })
    }

    /// `{"status":"success","data":[…]}`
    static func list<Element: Sendable>(
        _ elements: [Element], _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
    ) -> PiecedBody {
        let frame = JSONFrame { json, elements in envelope.write((), to: &json) { $0.array(elements) } }
        return PiecedBody(elements, in: frame) { append }
    }

    // MARK: Results of queries

    /// `{"status":"success","data":{"resultType":"vector","result":[…]}}`
    static func body(of result: PromQLEngine.Answer) -> PiecedBody {
        func body<Element: Sendable>(
            _ type: String, _ elements: [Element], _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
        ) -> PiecedBody {
            PiecedBody(elements, in: frame(resultType: type)) { append }
        }
        switch result {
        case .scalar(let value, let time):
            // The array of a scalar or a string has two elements, time and value.
            return body("scalar", [value]) { out, value in
                out.appendJSON(PrometheusTime(milliseconds: time))
                out.append(",")
                out.appendJSONString(PrometheusNumber.text(value))
            }
        case .string(let text, let time):
            return body("string", [text]) { out, text in
                out.appendJSON(PrometheusTime(milliseconds: time))
                out.append(",")
                out.appendJSONString(text)
            }
        case .vector(let samples, let time):
            return body("vector", samples) { out, sample in
                out.appendJSON { json in
                    json.object {
                        $0.member("metric", sample.labels)
                        $0.array("value") {
                            $0.value(PrometheusTime(milliseconds: time))
                            $0.value(PrometheusNumber.text(sample.value))
                        }
                    }
                }
            }
        case .matrix(let series): return matrix(series)
        }
    }

    /// The text around the elements of a result.
    private static func frame(resultType: String) -> JSONFrame {
        JSONFrame { json, elements in
            envelope.write((), to: &json) { write(resultType: resultType, to: &$0, elements) }
        }
    }

    private static func write(
        resultType: String, to json: inout JSONWriter<ByteWriter>, _ elements: EnvelopeShape<Void>.Write
    ) {
        json.object {
            $0.member("resultType", resultType)
            $0.array("result", elements)
        }
    }

    /// A series may have millions of values: they are also written in pieces, and as bytes.
    private static func matrix(_ series: [PromQLSeries]) -> PiecedBody {
        let pieceValues = 4096
        let frame = frame(resultType: "matrix")
        let pieces = series.indices.flatMap { index in
            stride(from: 0, to: max(1, series[index].times.count), by: pieceValues).map { (series: index, start: $0) }
        }
        return PiecedBody(count: pieces.count + 2) {
            { out, piece in
                if piece == 0 { return out.append(frame.head) }
                if piece > pieces.count { return out.append(frame.tail) }
                let (index, start) = pieces[piece - 1]
                let one = series[index]
                if start == 0 {
                    out.append(index == 0 ? #"{"metric":"# : #",{"metric":"#)
                    out.appendJSON(one.labels)
                    out.append(#","values":["#)
                }
                let end = min(start + pieceValues, one.times.count)
                for point in start..<end {
                    if point > 0 { out.append(",") }
                    append(one.times[point], one.values[point], &out)
                }
                if end == one.times.count { out.append("]}") }
            }
        }
    }

    /// `[1752871354.5,"36"]`
    private static func append(_ time: Int64, _ value: Double, _ out: inout ByteWriter) {
        out.append("[")
        out.appendJSON(PrometheusTime(milliseconds: time))
        out.append(",\"")
        out.append(PrometheusNumber.text(value))
        out.append("\"]")
    }
}

/// A number of seconds with up to three decimals.
struct PrometheusTime: JSONValue {
    var milliseconds: Int64

    func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        if milliseconds < 0 { json.sink.append(UInt8(ascii: "-")) }
        json.sink.appendDecimal(milliseconds.magnitude / 1000)
        let rest = milliseconds.magnitude % 1000
        guard rest != 0 else { return }
        json.sink.append(UInt8(ascii: "."))
        for digit in [rest / 100, rest / 10 % 10, rest % 10] { json.sink.append(UInt8(ascii: "0") + UInt8(digit)) }
    }
}

/// `{"__name__":"…",…}`
extension LabelSet: JSONValue {
    @usableFromInline
    package func append<Sink: ByteSink & ~Copyable>(to json: inout JSONWriter<Sink>) {
        json.object {
            for label in labels {
                $0.key(text: label.name)
                $0.value(label.value)
            }
        }
    }
}
