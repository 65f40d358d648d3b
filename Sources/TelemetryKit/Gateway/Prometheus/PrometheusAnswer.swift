import TelemetryNet
import TelemetryPromQL

/// The JSON of Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api).
enum PrometheusAnswer {
    /// `{"status":"success","data":…}`
    static func success(_ append: (inout ByteWriter) -> Void) -> HTTPResponse {
        Answers.object { out in
            out.append(#"{"status":"success","data":"#)
            append(&out)
            out.append("}")
        }
    }

    /// `{"status":"error","errorType":"bad_data","error":"…"}`
    static func failure(
        status: Int, errorType: StaticString, _ message: String, headers: [(name: String, value: String)] = []
    ) -> HTTPResponse {
        var out = ByteWriter()
        out.append(#"{"status":"error","errorType":""#)
        out.append(errorType)
        out.append(#"","error":"#)
        out.appendJSONString(message)
        out.append("}")
        return HTTPResponse(status: status, headers: [("Content-Type", "application/json")] + headers, body: .bytes(out.bytes))
    }

    static func append(_ labels: LabelSet, _ out: inout ByteWriter) {
        out.append("{")
        for (index, label) in labels.labels.enumerated() {
            if index > 0 { out.append(",") }
            out.appendJSONString(label.name)
            out.append(":")
            out.appendJSONString(label.value)
        }
        out.append("}")
    }

    /// `{"status":"success","data":{"resultType":"vector","result":[…]}}`
    static func body(of answer: PromQLEngine.Answer) -> PiecedBody {
        func body<Element: Sendable>(
            _ type: String, _ elements: [Element], _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
        ) -> PiecedBody {
            let head = #"{"status":"success","data":{"resultType":"\#(type)","result":["#
            return PiecedBody(elements, head: Array(head.utf8), tail: Array("]}}".utf8)) { append }
        }
        switch answer {
        case .scalar(let value, let time):
            return body("scalar", [value]) { out, value in
                append(time, &out)
                out.append(",\"")
                out.append(PrometheusNumber.text(value))
                out.append("\"")
            }
        case .string(let text, let time):
            return body("string", [text]) { out, text in
                append(time, &out)
                out.append(",")
                out.appendJSONString(text)
            }
        case .vector(let samples, let time):
            return body("vector", samples) { out, sample in
                out.append(#"{"metric":"#)
                append(sample.labels, &out)
                out.append(#","value":"#)
                append(time, sample.value, &out)
                out.append("}")
            }
        case .matrix(let series): return matrix(series)
        }
    }

    /// One series may have millions of values: these go in pieces too.
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
                    append(one.labels, &out)
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
        append(time, &out)
        out.append(",\"")
        out.append(PrometheusNumber.text(value))
        out.append("\"]")
    }

    /// Milliseconds as seconds.
    private static func append(_ time: Int64, _ out: inout ByteWriter) {
        if time < 0 { out.append("-") }
        out.appendDecimal(time.magnitude / 1000)
        guard time % 1000 != 0 else { return }
        out.append(".")
        out.appendDecimal(Int(time.magnitude % 1000), width: 3)
    }
}
