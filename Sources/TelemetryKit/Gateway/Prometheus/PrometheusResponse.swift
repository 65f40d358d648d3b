import TelemetryBase
import TelemetryHTTP
import TelemetryPromQL

/// The JSON of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api).
enum PrometheusResponse {
    /// `{"status":"success","data":…}`
    static func success(_ data: (inout JSONWriter<ByteWriter>) -> Void) -> HTTPResponse {
        Responses.object {
            $0.member("status", "success")
            $0.key("data")
            data(&$0)
        }
    }

    /// `{"status":"error","errorType":"bad_data","error":"…"}`
    static func failure(
        status: Int, errorType: String, _ message: String, headers: [(name: String, value: String)] = []
    ) -> HTTPResponse {
        var response = Responses.object(status: status) {
            $0.member("status", "error")
            $0.member("errorType", errorType)
            $0.member("error", message)
        }
        response.headers += headers
        return response
    }

    /// `{"status":"success","data":{"resultType":"vector","result":[…]}}`
    static func body(of answer: PromQLEngine.Answer) -> PiecedBody {
        func body<Element: Sendable>(
            _ type: String, _ elements: [Element], _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
        ) -> PiecedBody {
            PiecedBody(elements) { json, elements in
                json.object {
                    $0.member("status", "success")
                    $0.object("data") {
                        $0.member("resultType", type)
                        $0.array("result", elements)
                    }
                }
            } makeWriter: {
                append
            }
        }
        switch answer {
        case .scalar(let value, let time):
            // Two elements of the array, which is the response to a scalar or a string.
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

    /// One series may have millions of values: these go in pieces too, and as bytes.
    private static func matrix(_ series: [PromQLSeries]) -> PiecedBody {
        let pieceValues = 4096
        let pieces = series.indices.flatMap { index in
            stride(from: 0, to: max(1, series[index].times.count), by: pieceValues).map { (series: index, start: $0) }
        }
        return PiecedBody(count: pieces.count + 2) {
            { out, piece in
                if piece == 0 { return out.append(#"{"status":"success","data":{"resultType":"matrix","result":["#) }
                if piece > pieces.count { return out.append("]}}") }
                let (index, start) = pieces[piece - 1]
                let one = series[index]
                if start == 0 {
                    out.append(index == 0 ? #"{"metric":"# : #",{"metric":"#)
                    out.appendJSON(one.labels)
                    out.append(#","values":["#)
                }
                let end = min(start + pieceValues, one.times.count)
                for place in start..<end {
                    if place > 0 { out.append(",") }
                    append(one.times[place], one.values[place], &out)
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
