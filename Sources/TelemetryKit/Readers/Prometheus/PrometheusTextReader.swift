import Glibc
import TelemetryBase
import TelemetryModels

/// Reads the Prometheus text exposition format, version 0.0.4, line by line, in the memory of one line.
///
/// The format is defined at https://prometheus.io/docs/instrumenting/exposition_formats; for numbers and blanks, which
/// it does not define in full, this follows Prometheus' own parsers.
///
///     var reader = try PrometheusTextReader(path: "metrics.prom")
///     while let sample = try reader.next() {
///         print(reader.series[Int(sample.series)].name, sample.value)
///     }
///
/// A known series costs no allocation, in this text or a later one: ``open(bytes:)`` continues with another text.
///
/// `# EOF` and `# UNIT` of OpenMetrics are skipped as comments. An exemplar is an error, and so is a timestamp that is
/// not an integer: OpenMetrics uses seconds, so its timestamps would be misread. Names in quotes, which Prometheus 3
/// sends to clients that request them, are an error too, as are carriage returns at the ends of lines.
///
/// After a ``PrometheusTextError`` about a line, ``next()`` continues with the next line.
///
/// Must not be shared between tasks while in use: a reader has one owner.
public struct PrometheusTextReader: ~Copyable {
    /// The options of a reader.
    public struct Configuration: Sendable {
        /// The behaviour at a line that cannot be read. Default: `BadRowPolicy.stop`.
        public var badLines = BadRowPolicy.stop
        /// The maximum length of a line in bytes; a longer line is an error. It limits the memory. Default: 1 MiB.
        public var maxLineBytes = 1 << 20
        /// The number of bytes read at a time. Default: 64 KiB.
        public var chunkSize = 64 << 10

        /// Creates a configuration with the default values.
        public init() {}
    }

    /// The state of a metric name. The text indices say in which text it was last seen.
    struct Metric {
        var family: PrometheusFamily
        /// The help text before its escapes are resolved: if it is the same as in the previous text, it is not parsed
        /// again.
        var helpText: [UInt8] = []
        var helpIn = 0
        var typeIn = 0
        var samplesIn = 0
    }

    /// The path or name, for messages.
    public let source: String
    /// Every series met so far; an index stays valid for the lifetime of the reader.
    public internal(set) var series: [PrometheusSeries] = []
    /// The lines that were skipped under ``BadRowPolicy/skip``.
    public package(set) var rejected = RejectedRows()
    /// The line that was read last, from 1.
    public private(set) var line = 0

    let configuration: Configuration
    private var window: ByteWindow
    /// Counts texts from 1.
    var text = 1

    var metrics: [Metric] = []
    var metricNames = ByteKeyTable()
    /// For each series: the index of its name in `metrics`.
    var metricOfSeries: [UInt32] = []
    var interner = ByteKeyTable()
    var indices: [PrometheusSeries: UInt32] = [:]

    /// Exporters write words instead of missing numbers. If this is set, such lines are samples whose value is NaN, and
    /// `noValue` contains the reason.
    package var takesNoValueWords = false
    package var noValue: NoValueReason?
    /// Whether timestamps are ignored: a number that is not a 64-bit timestamp is then treated as absent.
    package var ignoresTimes = false
    /// The text of the value, until the next line is read.
    package var valueText = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Opens a file. Throws ``PrometheusTextError`` if it cannot be read.
    public init(path: String, configuration: Configuration = Configuration()) throws(PrometheusTextError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw PrometheusTextError(.unreadable, source: path, message: String(cString: strerror(errno)))
        }
        self.init(
            ByteWindow(chunkSize: configuration.chunkSize, descriptor: descriptor, path: path), source: path,
            configuration)
    }

    /// Reads bytes in memory.
    public init(bytes: some Collection<UInt8>, name: String = "metrics", configuration: Configuration = Configuration())
    {
        self.init(ByteWindow(copying: bytes), source: name, configuration)
    }

    /// Reads from a source that fills the start of a buffer and returns the number of bytes; 0 at the end.
    public init(
        name: String, configuration: Configuration = Configuration(),
        source: @escaping (UnsafeMutableRawBufferPointer) throws -> Int
    ) {
        self.init(ByteWindow(chunkSize: configuration.chunkSize, source: source), source: name, configuration)
    }

    private init(_ window: consuming ByteWindow, source: String, _ configuration: Configuration) {
        self.window = window
        self.source = source
        self.configuration = configuration
    }

    /// Continues with another text of the same source: lines and families are counted from the start, series keep their
    /// indices.
    public mutating func open(bytes: some Collection<UInt8>) {
        valueText = UnsafeRawBufferPointer(start: nil, count: 0)
        window = ByteWindow(copying: bytes)
        line = 0
        text += 1
    }

    /// Returns the next sample, or `nil` at the end.
    public mutating func next() throws(PrometheusTextError) -> PrometheusSample? {
        while true {
            do throws(PrometheusTextError) {
                guard let line = try nextLine() else { return nil }
                if let sample = try read(line) { return sample }
            } catch {
                guard configuration.badLines == .skip, error.kind != .unreadable else { throw error }
                rejected.add(error)
            }
        }
    }

    /// The contents of this text's comments, read so far, about the metric with exactly that name; `nil` if there are
    /// none.
    public func family(named name: String) -> PrometheusFamily? {
        var name = name
        return name.withUTF8 { metric(of: UnsafeRawBufferPointer($0)) }.flatMap { family(at: $0) }
    }

    /// The family of a series: that of its name, or of the summary or histogram that the name belongs to (`…_bucket`,
    /// `…_sum`, `…_count`).
    public func family(of index: UInt32) -> PrometheusFamily? {
        if let family = family(at: metricOfSeries[Int(index)]) { return family }
        let name = series[Int(index)].name
        for part in ["_bucket", "_sum", "_count"] where name.hasSuffix(part) {
            guard let whole = family(named: String(name.dropLast(part.count))) else { continue }
            if whole.type == .histogram || (whole.type == .summary && part != "_bucket") { return whole }
        }
        return nil
    }

    private func family(at index: UInt32) -> PrometheusFamily? {
        let metric = metrics[Int(index)]
        guard metric.helpIn == text || metric.typeIn == text else { return nil }
        return PrometheusFamily(
            name: metric.family.name, help: metric.helpIn == text ? metric.family.help : nil,
            type: metric.typeIn == text ? metric.family.type : .untyped)
    }
}

// MARK: - Lines

extension PrometheusTextReader {
    static let lineFeed = UInt8(ascii: "\n")

    /// Returns the next line without its line feed, or `nil` at the end. Its bytes are valid until the next call.
    private mutating func nextLine() throws(PrometheusTextError) -> UnsafeRawBufferPointer? {
        var searched = 0
        while true {
            let unread = UnsafeRawBufferPointer(
                start: window.base + window.position, count: window.limit - window.position)
            if let length = PrometheusTextReader.lineLength(unread, from: searched) {
                line += 1
                window.position += length + 1
                guard length <= configuration.maxLineBytes else { throw tooLong() }
                return UnsafeRawBufferPointer(rebasing: unread[..<length])
            }
            guard unread.count <= configuration.maxLineBytes else {
                line += 1
                try skipLine()
                throw tooLong()
            }
            if window.isLast { return try lastLine(unread) }
            searched = unread.count
            try refill()
        }
    }

    @inline(__always)
    private static func lineLength(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard bytes.count > start, let base = bytes.baseAddress,
            let found = memchr(base + start, Int32(lineFeed), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// A text may be truncated anywhere, and its last number would then be wrong.
    private mutating func lastLine(_ rest: UnsafeRawBufferPointer) throws(PrometheusTextError)
        -> UnsafeRawBufferPointer?
    {
        window.position = window.limit
        let start = rest.first { !PrometheusTextReader.isBlank($0) }
        guard let start, start != UInt8(ascii: "#") else { return nil }
        line += 1
        throw error(.lineNotEnded, 0, "the last line does not end with a line feed: the text may be truncated")
    }

    private mutating func skipLine() throws(PrometheusTextError) {
        while true {
            let unread = UnsafeRawBufferPointer(
                start: window.base + window.position, count: window.limit - window.position)
            if let length = PrometheusTextReader.lineLength(unread, from: 0) {
                window.position += length + 1
                return
            }
            window.position = window.limit
            if window.isLast { return }
            try refill()
        }
    }

    private mutating func refill() throws(PrometheusTextError) {
        do {
            try window.refill()
        } catch {
            throw PrometheusTextError(.unreadable, source: source, line: line, message: "\(error)")
        }
    }

    private func tooLong() -> PrometheusTextError {
        error(.lineTooLong, 0, "the line is longer than \(configuration.maxLineBytes) bytes")
    }

    package func error(_ kind: PrometheusTextError.Kind, _ column: Int, _ message: String) -> PrometheusTextError {
        PrometheusTextError(kind, source: source, line: line, column: column, message: message)
    }

    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}
