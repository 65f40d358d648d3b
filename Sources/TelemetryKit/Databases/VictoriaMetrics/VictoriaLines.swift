import TelemetryBase
import TelemetryModels
import TelemetryStores

/// Samples as JSON lines, one line per series:
///
///     {"metric":{"__name__":"DCGM_FI_DEV_GPU_UTIL","uuid":"GPU-1",…},"values":[97,98],"timestamps":[1752871354000,1752871355000]}
///
/// Compared with line protocol, the labels occur once per series instead of once per sample, every text is accepted
/// unchanged, and a time near 1970 is not interpreted in another unit.
/// Format: https://docs.victoriametrics.com/victoriametrics/#how-to-import-data-in-json-line-format
struct VictoriaLines: Sendable {
    private struct Column: Sendable {
        /// The labels as JSON.
        var head: [UInt8]
        var times: [Int64] = []
        var values: [Double] = []
        /// The indices of the samples.
        var numbers: [Int] = []
    }

    /// Samples of one series.
    fileprivate struct Piece: Sendable {
        var column: Int
        var rows: Range<Int>
    }

    /// The content of one request.
    struct Body: Sendable {
        fileprivate var pieces: [Piece]

        /// Splits it into two bodies with the same samples; `nil` if it is one sample.
        var halves: (Body, Body)? {
            if pieces.count > 1 {
                let middle = pieces.count / 2
                return (Body(pieces: Array(pieces[..<middle])), Body(pieces: Array(pieces[middle...])))
            }
            guard let piece = pieces.first, piece.rows.count > 1 else { return nil }
            let middle = piece.rows.lowerBound + piece.rows.count / 2
            return (
                Body(pieces: [Piece(column: piece.column, rows: piece.rows.lowerBound..<middle)]),
                Body(pieces: [Piece(column: piece.column, rows: middle..<piece.rows.upperBound)])
            )
        }
    }

    private var columns: [Column] = []
    private(set) var bodies: [Body] = []
    /// Detects values that the database would drop or truncate without an error. Numbers count the samples whose value
    /// is finite.
    private(set) var refused: [RefusedSamples.Place] = []

    /// - Parameters:
    ///   - maxBytes: The approximate maximum size of a body.
    ///   - now: The time in nanoseconds; the database drops samples that are more than two days ahead.
    init(
        _ batches: [MetricBatch], database: String, maxBytes: Int, maxLabelBytes: Int,
        now: Int64 = Timestamp.now.nanoseconds
    ) {
        let latest = now.flooredDivision(by: 1_000_000) + 2 * 86_400_000
        /// A column, or the reason why the series has none.
        var known: [MetricSeries: Result<Int, StoreError>] = [:]
        var number = 0
        for batch in batches {
            let places = batch.series.map { series in
                if let place = known[series] { return place }
                let place = Result { () throws(StoreError) -> Int in
                    columns.append(
                        Column(head: try VictoriaLabels.json(series, database: database, maxBytes: maxLabelBytes)))
                    return columns.count - 1
                }
                known[series] = place
                return place
            }
            for i in 0..<batch.count where batch.values[i].isFinite {
                defer { number += 1 }
                let time = batch.timestamps[i].flooredDivision(by: 1_000_000)
                if time < VictoriaRange.earliest { continue }
                switch places[Int(batch.seriesIndices[i])] {
                case .failure(let error): refused.append(RefusedSamples.Place(number: number, reason: error.message))
                case .success where time > latest:
                    refused.append(
                        RefusedSamples.Place(
                            number: number, reason: "VictoriaMetrics accepts no sample more than 2 days ahead"))
                case .success(let place):
                    columns[place].times.append(time)
                    columns[place].values.append(batch.values[i])
                    columns[place].numbers.append(number)
                }
            }
        }
        divide(maxBytes)
    }

    private mutating func divide(_ maxBytes: Int) {
        var body = Body(pieces: [])
        var size = 0
        for (number, column) in columns.enumerated() {
            var rest = column.times.indices
            while !rest.isEmpty {
                // About 32 bytes per sample.
                let some = rest.prefix(max(1, (maxBytes - size - column.head.count) / 32))
                body.pieces.append(Piece(column: number, rows: some))
                size += column.head.count + 32 * some.count
                rest = some.upperBound..<rest.upperBound
                if size >= maxBytes || !rest.isEmpty {
                    bodies.append(body)
                    body.pieces = []
                    size = 0
                }
            }
        }
        if !body.pieces.isEmpty { bodies.append(body) }
    }

    /// The indices of the body's samples.
    func numbers(of body: Body) -> [Int] { body.pieces.flatMap { columns[$0.column].numbers[$0.rows] } }

    func bytes(of body: Body) -> [UInt8] {
        var out = ByteWriter(
            capacity: body.pieces.reduce(0) { $0 + columns[$1.column].head.count + 40 + 32 * $1.rows.count })
        for piece in body.pieces {
            let column = columns[piece.column]
            out.append("{\"metric\":")
            out.append(column.head)
            out.append(",\"values\":[")
            for i in piece.rows {
                if i > piece.rows.lowerBound { out.append(UInt8(ascii: ",")) }
                out.appendDouble(column.values[i])
            }
            out.append("],\"timestamps\":[")
            for i in piece.rows {
                if i > piece.rows.lowerBound { out.append(UInt8(ascii: ",")) }
                out.appendDecimal(column.times[i])
            }
            out.append("]}\n")
        }
        return out.bytes
    }
}

/// Labels by name. Values are compared by their bytes, as the database does; the names that are requested are ours.
struct VictoriaLabelSet: Hashable, Sendable {
    private var values: [ByteText: ByteText] = [:]

    init() {}

    /// A label without a value is the same as a missing one.
    init(_ labels: [(String, String)]) {
        for (name, value) in labels where !value.isEmpty { self[name] = value }
    }

    subscript(_ name: String) -> String? {
        get { values[ByteText(name)]?.string }
        set { values[ByteText(name)] = newValue.map(ByteText.init) }
    }

    mutating func removeValue(forKey name: String) -> String? { values.removeValue(forKey: ByteText(name))?.string }
}

/// Conversion of a series to labels, and back.
enum VictoriaLabels {
    /// Of the GPU; an empty value is as good as none.
    static let identity = GPUMember.byName.map(\.name)

    /// The labels of a series with their values, sorted by name. The function gets the series and the database's name.
    private static let labels: [(name: String, value: @Sendable (MetricSeries, String) -> String)] = {
        let others: [(name: String, value: @Sendable (MetricSeries, String) -> String)] = [
            ("__name__", { series, _ in series.metricName }), ("db", { _, database in database }),
            ("labels_raw", { series, _ in StoredLabels.text(series.labels) }),
        ]
        let members = GPUMember.all.map { member in
            (name: member.name, value: { @Sendable (series: MetricSeries, _: String) in member.text(of: series.gpu) })
        }
        return (others + members).sorted { $0.name.precedes($1.name) }
    }()

    static func json(_ series: MetricSeries, database: String, maxBytes: Int) throws(StoreError) -> [UInt8] {
        var out = ByteWriter()
        for (name, text) in labels {
            let value = text(series, database)
            guard !value.isEmpty else { continue }
            guard value.utf8.count <= maxBytes else {
                throw StoreError(
                    .rejected,
                    "\(name) of \(series.metricName.prefix(100)) on \(series.gpu.uuid.prefix(100)) has \(value.utf8.count) bytes; VictoriaMetrics keeps \(maxBytes)"
                )
            }
            out.append(out.count == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            out.appendJSONString(name)
            out.append(UInt8(ascii: ":"))
            out.appendJSONString(value)
        }
        out.append("}")
        return out.bytes
    }

    static func series(_ labels: VictoriaLabelSet) throws(StoreError) -> MetricSeries {
        MetricSeries(
            metricName: labels["__name__"] ?? "", gpu: gpu { labels[$0] ?? "" },
            labels: try StoredLabels.labels(labels["labels_raw"] ?? ""))
    }

    static func gpu(_ label: (String) -> String) -> GPUIdentity {
        GPUIdentity { label($0.name) }
    }
}

extension Int64 {
    /// Rounded down, also for times before 1970.
    func flooredDivision(by divisor: Int64) -> Int64 {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}
