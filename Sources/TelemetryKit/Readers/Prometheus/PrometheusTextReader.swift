import Glibc
import TelemetryModels
import TelemetryNet

/// Reads the text exposition format of Prometheus, version 0.0.4, line by line, in the memory of one line.
///
/// The format is defined at https://prometheus.io/docs/instrumenting/exposition_formats; where that is silent, numbers and blanks are
/// what Prometheus' own parsers take.
///
///     var reader = try PrometheusTextReader(path: "metrics.prom")
///     while let sample = try reader.next() {
///         print(reader.series[Int(sample.series)].name, sample.value)
///     }
///
/// A series that was met before costs no allocation, in this text or in one before it: ``open(bytes:)`` goes on with another.
///
/// Of OpenMetrics, `# EOF` and `# UNIT` are passed over as the comments that they are here. An exemplar is an error, and so is a
/// time that is not whole: OpenMetrics counts seconds, so its texts would be read wrong. Names in quotes, which Prometheus 3
/// sends to those who ask for them, are an error too, as are carriage returns at the ends of lines.
///
/// After a ``PrometheusTextError`` about a line, ``next()`` goes on with the line behind it.
///
/// Not `Sendable` between tasks while in use: a reader has one owner.
public struct PrometheusTextReader: ~Copyable {
    /// How to read. Every member has a default.
    public struct Configuration: Sendable {
        /// What to do at a line that cannot be read. Default: `BadRowPolicy.stop`.
        public var badLines = BadRowPolicy.stop
        /// A longer line is an error. It bounds the memory. Default: 1 MiB.
        public var maxLineBytes = 1 << 20
        /// Bytes read at a time. Default: 64 KiB.
        public var chunkSize = 64 << 10

        /// The defaults.
        public init() {}
    }

    /// What is known of a metric's name. The numbers say in which text it was seen last.
    struct Metric {
        var family: PrometheusFamily
        /// The help before its escapes are resolved: what is the same as in the text before is not read again.
        var helpText: [UInt8] = []
        var helpIn = 0
        var typeIn = 0
        var samplesIn = 0
    }

    /// The path or name, for messages.
    public let source: String
    /// Every series met so far; an index stays valid as long as the reader.
    public internal(set) var series: [PrometheusSeries] = []
    /// The lines that were passed over under ``BadRowPolicy/skip``.
    public package(set) var rejected = RejectedRows()
    /// The line that was read last, from 1.
    public private(set) var line = 0

    let configuration: Configuration
    private var window: ByteWindow
    /// Counts texts from 1.
    var text = 1

    var metrics: [Metric] = []
    var metricNames = ByteKeyTable()
    /// For every series: its name in `metrics`.
    var metricOfSeries: [UInt32] = []
    var interner = ByteKeyTable()
    var indices: [PrometheusSeries: UInt32] = [:]

    /// Exporters write words where they have no number. With this they are samples whose value is NaN, and `noValue` says why.
    package var takesNoValueWords = false
    package var noValue: NoValueReason?
    /// Times are not wanted: a number that is not a time of 64 bits is taken for none.
    package var ignoresTimes = false
    /// What the value was read from, until the next line is read.
    package var valueText = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Opens a file. Throws ``PrometheusTextError`` where it cannot be read.
    public init(path: String, configuration: Configuration = Configuration()) throws(PrometheusTextError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw PrometheusTextError(.unreadable, source: path, message: String(cString: strerror(errno)))
        }
        self.init(
            ByteWindow(chunkSize: configuration.chunkSize, descriptor: descriptor, path: path), source: path, configuration)
    }

    /// Reads bytes in memory.
    public init(bytes: some Collection<UInt8>, name: String = "metrics", configuration: Configuration = Configuration()) {
        self.init(ByteWindow(copying: bytes), source: name, configuration)
    }

    /// Reads from a source that fills the start of a buffer and returns how many bytes; 0 is the end.
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

    /// Goes on with another text of the same source: lines and families count anew, series keep their indices.
    public mutating func open(bytes: some Collection<UInt8>) {
        valueText = UnsafeRawBufferPointer(start: nil, count: 0)
        window = ByteWindow(copying: bytes)
        line = 0
        text += 1
    }

    /// The next sample, or `nil` at the end.
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

    /// What the comments of this text, as far as it was read, say of the metric of that very name; `nil` where there are none.
    public func family(named name: String) -> PrometheusFamily? {
        var name = name
        return name.withUTF8 { metric(of: UnsafeRawBufferPointer($0)) }.flatMap { family(at: $0) }
    }

    /// The family of a series: that of its name, or the summary or histogram that the name is a part of (`…_bucket`, `…_sum`, `…_count`).
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

    /// The next line without its line feed, or `nil` at the end. Its bytes stay where they are until the next call.
    private mutating func nextLine() throws(PrometheusTextError) -> UnsafeRawBufferPointer? {
        var searched = 0
        while true {
            let unread = UnsafeRawBufferPointer(start: window.base + window.position, count: window.limit - window.position)
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
        guard bytes.count > start, let base = bytes.baseAddress, let found = memchr(base + start, Int32(lineFeed), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// A text may be cut anywhere, and then its last number is another one.
    private mutating func lastLine(_ rest: UnsafeRawBufferPointer) throws(PrometheusTextError) -> UnsafeRawBufferPointer? {
        window.position = window.limit
        let start = rest.first { !PrometheusTextReader.isBlank($0) }
        guard let start, start != UInt8(ascii: "#") else { return nil }
        line += 1
        throw error(.lineNotEnded, 0, "the last line does not end with a line feed: the text may be cut short")
    }

    private mutating func skipLine() throws(PrometheusTextError) {
        while true {
            let unread = UnsafeRawBufferPointer(start: window.base + window.position, count: window.limit - window.position)
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
