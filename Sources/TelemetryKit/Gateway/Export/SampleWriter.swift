import Synchronization
import TelemetryBase
import TelemetryModels
import TelemetryStores

/// Writes samples in one of the formats, one after the other.
///
/// The samples of a series differ only in time and value; the text between them is made once per series and copied.
/// Therefore this appends bytes instead of using ``Shapes/sample``, which has the same bytes.
struct SampleWriter {
    private struct SeriesText {
        /// The text between time and value; in the line protocol, everything before the value.
        var head: [UInt8]
        var tail: [UInt8]
    }

    let format: ExportFormat
    /// With more series than this, all texts are discarded: a store may return a series of its own for every sample.
    private let maxSeries: Int
    /// With more bytes of texts than this, all are discarded, too.
    private static let maxTextBytes = 16 << 20
    private var textBytes = 0
    private var texts: [SeriesText] = []
    private var indices: [MetricSeries: Int] = [:]
    /// The most recent series, each at a slot derived from its address, since consecutive samples are of few series.
    /// The array retains them, so an address is not reused.
    private var recent = [(series: MetricSeries, index: Int)?](repeating: nil, count: 64)
    /// The time of the last sample, since many consecutive samples have the same.
    private var time = Timestamp(nanoseconds: 0)
    private var timeText: [UInt8]

    init(format: ExportFormat, maxSeries: Int = 1 << 16) {
        self.format = format
        self.maxSeries = maxSeries
        timeText = Self.text(of: time, format)
    }

    /// The value must be finite.
    mutating func append(_ sample: GPUMetric, to output: inout ByteWriter) {
        if sample.timestamp != time {
            time = sample.timestamp
            timeText = Self.text(of: time, format)
        }
        let index = index(of: sample.series)
        if format == .lineprotocol {
            output.append(texts[index].head)
        } else {
            output.append(timeText, texts[index].head)
        }
        output.appendDouble(sample.value)
        output.append(texts[index].tail)
        if format == .lineprotocol { output.append(timeText) }
    }

    private static func text(of time: Timestamp, _ format: ExportFormat) -> [UInt8] {
        var out = ByteWriter(capacity: Timestamp.longestText + 16)
        switch format {
        case .csv: out.appendJSON(time)  // A time needs no escapes, so it is the same in both.
        case .json:
            out.append("{\"timestamp\":")
            out.appendJSON(time)
        case .lineprotocol:
            out.appendDecimal(time.nanoseconds)
            out.append("\n")
        }
        return out.bytes
    }

    /// The index of its text.
    private mutating func index(of series: MetricSeries) -> Int {
        let slot = Int(bitPattern: Unmanaged.passUnretained(series).toOpaque()) >> 4 & 63
        if let known = recent[slot], known.series === series { return known.index }
        let index = knownIndex(of: series)
        recent[slot] = (series, index)
        return index
    }

    private mutating func knownIndex(of series: MetricSeries) -> Int {
        if let index = indices[series] { return index }
        if texts.count >= maxSeries || textBytes > Self.maxTextBytes { discardTexts() }
        switch format {
        case .csv: texts.append(Self.csv(series))
        case .json: texts.append(Self.json(series))
        case .lineprotocol: texts.append(Self.lineProtocol(series))
        }
        textBytes += texts[texts.count - 1].head.count + texts[texts.count - 1].tail.count
        indices[series] = texts.count - 1
        return texts.count - 1
    }

    private mutating func discardTexts() {
        textBytes = 0
        texts.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
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

/// JSON writers with the texts of series of previous responses, about 3 MiB each. Safe to use from any thread.
final class SampleWriterPool: Sendable {
    /// More than are in use at a time on a usual machine.
    private static let maxSpare = 8

    private let spare = Mutex<[SampleWriter]>([])

    /// A writer that returns to the pool when the last reference to it is released.
    final class Borrowed {
        fileprivate(set) var writer: SampleWriter
        private let pool: SampleWriterPool

        fileprivate init(_ writer: SampleWriter, _ pool: SampleWriterPool) {
            self.writer = writer
            self.pool = pool
        }

        func append(_ sample: GPUMetric, to output: inout ByteWriter) { writer.append(sample, to: &output) }

        deinit { pool.putBack(writer) }
    }

    func borrow() -> Borrowed {
        Borrowed(spare.withLock { $0.popLast() } ?? SampleWriter(format: .json, maxSeries: 4_096), self)
    }

    private func putBack(_ writer: SampleWriter) {
        spare.withLock { if $0.count < Self.maxSpare { $0.append(writer) } }
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
