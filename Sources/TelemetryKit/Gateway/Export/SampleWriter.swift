import Synchronization
import TelemetryBase
import TelemetryModels
import TelemetryStores

/// Writes samples in one of the formats, one behind the other.
///
/// Of a row only time and value differ from others of its series; all between them is made once a series and copied.
/// So this appends bytes, not through a `JSONWriter`.
struct SampleWriter {
    private struct SeriesText {
        /// Between time and value; in the line protocol all before the value.
        var head: [UInt8]
        var tail: [UInt8]
    }

    let format: ExportFormat
    /// More series than this begin anew: a store may give every sample a series of its own.
    private let maximumSeries: Int
    /// The same if the texts are long.
    private static let maximumTextBytes = 16 << 20
    private var textBytes = 0
    private var texts: [SeriesText] = []
    private var places: [MetricSeries: Int] = [:]
    /// Series whose place was asked for last, each where its address says: rows of a few series take turns.
    private var recent = [(series: MetricSeries, place: Int)?](repeating: nil, count: 64)
    /// Many samples follow each other that have one time.
    private var time = Timestamp(nanoseconds: 0)
    private var timeText: [UInt8]

    init(format: ExportFormat, maximumSeries: Int = 1 << 16) {
        self.format = format
        self.maximumSeries = maximumSeries
        timeText = Self.text(of: time, format)
    }

    /// The value must be finite.
    mutating func append(_ sample: GPUMetric, to output: inout ByteWriter) {
        if sample.timestamp != time {
            time = sample.timestamp
            timeText = Self.text(of: time, format)
        }
        let place = place(of: sample.series)
        if format == .lineprotocol {
            output.append(texts[place].head)
        } else {
            output.append(timeText, texts[place].head)
        }
        output.appendDouble(sample.value)
        output.append(texts[place].tail)
        if format == .lineprotocol { output.append(timeText) }
    }

    private static func text(of time: Timestamp, _ format: ExportFormat) -> [UInt8] {
        var out = ByteWriter(capacity: Timestamp.longestText + 16)
        switch format {
        case .csv: out.appendJSON(time)  // No character of a time asks for an escape: in quotes it is the same in both.
        case .json:
            out.append("{\"timestamp\":")
            out.appendJSON(time)
        case .lineprotocol:
            out.appendDecimal(time.nanoseconds)
            out.append("\n")
        }
        return out.bytes
    }

    /// Where its text is.
    private mutating func place(of series: MetricSeries) -> Int {
        let slot = Int(bitPattern: Unmanaged.passUnretained(series).toOpaque()) >> 4 & 63
        if let known = recent[slot], known.series === series { return known.place }
        let place = known(series)
        recent[slot] = (series, place)
        return place
    }

    private mutating func known(_ series: MetricSeries) -> Int {
        if let place = places[series] { return place }
        if texts.count >= maximumSeries || textBytes > Self.maximumTextBytes { forget() }
        switch format {
        case .csv: texts.append(Self.csv(series))
        case .json: texts.append(Self.json(series))
        case .lineprotocol: texts.append(Self.lineProtocol(series))
        }
        textBytes += texts[texts.count - 1].head.count + texts[texts.count - 1].tail.count
        places[series] = texts.count - 1
        return texts.count - 1
    }

    private mutating func forget() {
        textBytes = 0
        texts.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        for slot in recent.indices { recent[slot] = nil }
    }

    private static func csv(_ series: MetricSeries) -> SeriesText {
        var head = ByteWriter()
        head.append(",")
        head.appendCSVField(series.metricName)
        for member in GPUMember.all {
            head.append(",")
            head.appendCSVField(member.text(of: series.gpu))
        }
        head.append(",\"")
        var tail = ByteWriter()
        tail.append("\",")
        tail.appendCSVField(MetricLabel.prometheusText(series.labels))
        tail.append("\r\n")
        return SeriesText(head: head.bytes, tail: tail.bytes)
    }

    private static func json(_ series: MetricSeries) -> SeriesText {
        var head = ByteWriter()
        head.appendJSONBeforeValue(of: series)
        var tail = ByteWriter()
        tail.appendJSONBehindValue(of: series)
        return SeriesText(head: head.bytes, tail: tail.bytes)
    }

    private static func lineProtocol(_ series: MetricSeries) -> SeriesText {
        let text = LineProtocolWriter.text(of: series)
        return SeriesText(head: text.head, tail: text.tail)
    }
}

/// JSON writers that know the texts of series from responses before, about 3 MiB each. Safe to use from any thread.
final class SampleWriterPool: Sendable {
    /// More than are used at a time on the usual machine.
    private static let kept = 8

    private let spare = Mutex<[SampleWriter]>([])

    /// A writer that goes back when the last reference to it goes.
    final class Lent {
        fileprivate(set) var writer: SampleWriter
        private let pool: SampleWriterPool

        fileprivate init(_ writer: SampleWriter, _ pool: SampleWriterPool) {
            self.writer = writer
            self.pool = pool
        }

        func append(_ sample: GPUMetric, to output: inout ByteWriter) { writer.append(sample, to: &output) }

        deinit { pool.take(back: writer) }
    }

    func lend() -> Lent {
        Lent(spare.withLock { $0.popLast() } ?? SampleWriter(format: .json, maximumSeries: 4_096), self)
    }

    private func take(back writer: SampleWriter) {
        spare.withLock { if $0.count < Self.kept { $0.append(writer) } }
    }
}

extension ByteWriter {
    /// In quotes, with quotes doubled (RFC 4180).
    fileprivate mutating func appendCSVField(_ text: String) {
        append("\"")
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { append("\"") }
            append(byte)
        }
        append("\"")
    }
}
