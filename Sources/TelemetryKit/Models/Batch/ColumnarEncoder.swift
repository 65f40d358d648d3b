import TelemetryBase

/// Encodes `columnar/1`.
struct ColumnarEncoder: Sendable {
    static let formatName = "columnar/1"
    /// The members of a GPU in the first version of this format. All readers know them: a row of `gpus` has at least
    /// these, and templates of labels refer to no others. Later members follow them in a row, and may be absent.
    static let firstMembers = GPUMember.all.prefix(8)

    /// The parts of a series, numbered across batches.
    private struct Parts {
        var gpu: Int
        var metric: Int
        var template: Int
        /// Retains the object, so that its identity is not reused.
        var series: MetricSeries
    }

    private var known: [ObjectIdentifier: Parts] = [:]
    private var gpus = Numbering<GPUIdentity>()
    private var metrics = Numbering<ByteText>()
    private var templates = Numbering<LabelTemplate>()
    /// The tables of the last batch, which are often the same for the next.
    private var tables: [UInt8] = []
    private var tablesSeries: [MetricSeries] = []
    private var lastSize = 4_096

    mutating func encode(_ batch: MetricBatch) -> [UInt8] {
        // Series without samples are omitted: a reader limits the table by the number of samples.
        let (series, indices) = ColumnarEncoder.used(batch)
        if !(series.count == tablesSeries.count && zip(series, tablesSeries).allSatisfy { $0 === $1 }) || tables.isEmpty
        {
            tables = writeTables(series)
            tablesSeries = series
        }
        var out = ByteWriter(capacity: lastSize + lastSize / 8)
        out.append("{\"format\":\"columnar/1\",\"batch_id\":")
        out.appendJSONString(batch.batchID)
        out.append(",\"source\":")
        out.appendJSONString(batch.source)
        out.append(",\"collected_at\":")
        out.appendJSON(batch.collectedAt)
        out.append(tables)

        out.append(",\"samples\":{\"series\":[")
        var runs = RunEncoder(start: -1)
        for index in indices { runs.append(Int64(index), to: &out) }
        runs.finish(to: &out)
        let base = Timestamp(nanoseconds: batch.timestamps.first ?? 0)
        out.append("],\"base_time\":")
        out.appendJSON(base)
        out.append(",\"time\":[")
        runs = RunEncoder(start: base.nanoseconds)
        for time in batch.timestamps { runs.append(time, to: &out) }
        runs.finish(to: &out)
        out.append("],\"value\":[")
        var first = true
        for value in batch.values {
            if !first { out.append(UInt8(ascii: ",")) }
            first = false
            out.appendDouble(value)
        }
        out.append("]}}")
        lastSize = out.count
        return out.bytes
    }

    private static func used(_ batch: MetricBatch) -> (series: [MetricSeries], indices: [UInt32]) {
        var isUsed = Array(repeating: false, count: batch.series.count)
        var uses = 0
        for index in batch.seriesIndices where !isUsed[Int(index)] {
            isUsed[Int(index)] = true
            uses += 1
        }
        if uses == batch.series.count { return (batch.series, batch.seriesIndices) }
        var place = Array(repeating: UInt32(0), count: batch.series.count)
        var series: [MetricSeries] = []
        for (index, entry) in batch.series.enumerated() where isUsed[index] {
            place[index] = UInt32(series.count)
            series.append(entry)
        }
        return (series, batch.seriesIndices.map { place[Int($0)] })
    }

    // MARK: - Tables

    private mutating func writeTables(_ series: [MetricSeries]) -> [UInt8] {
        // Limits the memory if the labels of a source never repeat.
        if known.count > 1 << 18 { self = ColumnarEncoder() }
        let numbered = series.map { parts(of: $0) }
        var out = ByteWriter(capacity: 256 + series.count * 16)
        var local = Locals(count: gpus.count)
        let gpuIndices = numbered.map { local.index(of: $0.gpu) }
        let gpuTable = local.inOrder
        local = Locals(count: metrics.count)
        let metricIndices = numbered.map { local.index(of: $0.metric) }
        let metricTable = local.inOrder
        local = Locals(count: templates.count)
        let templateIndices = numbered.map { local.index(of: $0.template) }
        let templateTable = local.inOrder

        // Texts that GPUs share.
        var strings = Numbering<ByteText>()
        let rows = gpuTable.map { number in
            let gpu = gpus[number]
            return (
                gpu.uuid,
                GPUMember.exceptUUID.map { strings.number(of: ByteText($0.text(of: gpu))) }
            )
        }
        out.append(",\"strings\":")
        out.appendList(0..<strings.count) { $0.appendJSONString(strings[$1].string) }
        out.append(",\"gpus\":")
        out.appendList(rows) { out, row in
            out.append(UInt8(ascii: "["))
            out.appendJSONString(row.0)
            for index in row.1 {
                out.append(UInt8(ascii: ","))
                out.appendDecimal(index)
            }
            out.append(UInt8(ascii: "]"))
        }
        out.append(",\"metrics\":")
        out.appendList(metricTable) { $0.appendJSONString(metrics[$1].string) }
        out.append(",\"labels\":")
        out.appendList(templateTable) { out, number in
            out.appendList(templates[number].texts) { $0.appendJSONString($1.string) }
        }
        out.append(",\"series\":{\"gpu\":")
        out.appendRuns(gpuIndices)
        out.append(",\"metric\":")
        out.appendRuns(metricIndices)
        out.append(",\"labels\":")
        out.appendRuns(templateIndices)
        out.append(UInt8(ascii: "}"))
        return out.bytes
    }

    private mutating func parts(of series: MetricSeries) -> Parts {
        if let parts = known[ObjectIdentifier(series)] { return parts }
        let parts = Parts(
            gpu: gpus.number(of: series.gpu), metric: metrics.number(of: ByteText(series.metricName)),
            template: templates.number(of: LabelTemplate(of: series)), series: series)
        known[ObjectIdentifier(series)] = parts
        return parts
    }
}

/// Assigns numbers to values, in the order in which they occur.
struct Numbering<Value: Hashable & Sendable>: Sendable {
    private var numbers: [Value: Int] = [:]
    private var values: [Value] = []

    var count: Int { values.count }

    subscript(number: Int) -> Value { values[number] }

    mutating func number(of value: Value) -> Int {
        if let number = numbers[value] { return number }
        numbers[value] = values.count
        values.append(value)
        return values.count - 1
    }
}

/// The indices of numbered values in the table of one batch.
private struct Locals {
    private var places: [Int32]
    private(set) var inOrder: [Int] = []

    init(count: Int) { places = Array(repeating: -1, count: count) }

    mutating func index(of number: Int) -> Int {
        if places[number] < 0 {
            places[number] = Int32(inOrder.count)
            inOrder.append(number)
        }
        return Int(places[number])
    }
}

extension ByteWriter {
    fileprivate mutating func appendRuns(_ indices: [Int]) {
        append(UInt8(ascii: "["))
        var runs = RunEncoder(start: -1)
        for index in indices { runs.append(Int64(index), to: &self) }
        runs.finish(to: &self)
        append(UInt8(ascii: "]"))
    }
}
