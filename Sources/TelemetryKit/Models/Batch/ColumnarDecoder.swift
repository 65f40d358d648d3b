import Glibc
import TelemetryBase

/// Decodes `columnar/1`. Every index and length is checked before it is used.
struct ColumnarDecoder: Sendable {
    /// The parts of a series, numbered across batches.
    private struct Key: Hashable {
        var gpu: Int
        var metric: Int
        var template: Int
    }

    private struct Known {
        var series: MetricSeries
        /// The generation in which a batch last contained it.
        var used: Int
    }

    /// The series met before, so that equal ones of all batches are one object and known ones cost one look-up.
    private var known: [Key: Known] = [:]
    /// Counts how often unused series were removed.
    private var generation = 0
    /// Once this number of series is known, those that no batch has contained since the last removal are removed:
    /// workloads start and end, and this table must not keep their series alive.
    private var tidyAt = ColumnarDecoder.fewSeries
    private static let fewSeries = 4096
    private var gpus = Numbering<GPUIdentity>()
    private var metrics = Numbering<ByteText>()
    private var templates = Numbering<LabelTemplate>()
    private var compiled: [CompiledTemplate] = []
    /// The text of the tables of the last batch, and their parsed content.
    private var lastTables: [[UInt8]] = []
    private var lastSeries: [MetricSeries] = []

    private static let tableNames: [StaticString] = ["strings", "gpus", "metrics", "labels", "series"]
    /// The maximum number of bytes of label text that one byte of a batch may expand to. The real export needs about
    /// 20.
    private static let largestExpansion = 256

    mutating func decode(_ members: JSONMembers) throws(BatchError) -> MetricBatch {
        let batchID = try members.string("batch_id")
        let source = try members.string("source")
        let collectedAt = try members.time("collected_at")
        let samples = try members.members("samples")

        var values: [Double] = []
        try samples.read(try samples.required("value")) { reader throws(JSONError) in
            try reader.beginArray()
            while try reader.nextElement() { values.append(try reader.readDouble()) }
        }
        let time = try RunDecoder(samples, "time", longest: values.count)
        try time.requireTotal(values.count)
        let indices = try RunDecoder(samples, "series", longest: values.count)
        try indices.requireTotal(values.count)
        let base = try samples.time("base_time")

        let series = try tables(members, sampleCount: values.count)
        return MetricBatch(
            batchID: batchID, source: source, collectedAt: collectedAt, series: series,
            seriesIndices: try indices.indices(table: series.count), timestamps: time.values(start: base.nanoseconds),
            values: values)
    }

    private mutating func tables(_ members: JSONMembers, sampleCount: Int) throws(BatchError) -> [MetricSeries] {
        var ranges: [Range<Int>] = []
        for name in ColumnarDecoder.tableNames { ranges.append(try members.required(name)) }
        if lastTables.count == ranges.count, lastSeries.count <= sampleCount,
            zip(lastTables, ranges).allSatisfy({ ColumnarDecoder.equal($0, members.json[$1]) })
        {
            return lastSeries
        }
        if known.count >= tidyAt { tidy() }
        let series = try readTables(members, sampleCount: sampleCount)
        lastTables = ranges.map { Array(members.json[$0]) }
        lastSeries = series
        return series
    }

    private static func equal(_ a: [UInt8], _ b: Slice<UnsafeRawBufferPointer>) -> Bool {
        a.count == b.count
            && a.withUnsafeBytes {
                memcmp($0.baseAddress!, UnsafeRawBufferPointer(rebasing: b).baseAddress!, b.count) == 0
            }
    }

    private mutating func readTables(_ members: JSONMembers, sampleCount: Int) throws(BatchError) -> [MetricSeries] {
        // Limits the memory if the labels of a source never repeat.
        if max(known.count, gpus.count, metrics.count, templates.count) > 1 << 20 { self = ColumnarDecoder() }
        let strings = try ColumnarDecoder.strings(members, "strings")
        let gpuNumbers = try readGPUs(members, strings)
        let metricNumbers = try ColumnarDecoder.strings(members, "metrics").map { name throws(BatchError) in
            guard !name.isEmpty else { throw BatchError(reason: "metrics has an empty name") }
            return metrics.number(of: ByteText(name))
        }
        let templateNumbers = try readTemplates(members)

        let table = try members.members("series")
        let gpuRuns = try RunDecoder(table, "gpu", longest: sampleCount)
        let count = gpuRuns.total
        let gpuColumn = try gpuRuns.indices(table: gpuNumbers.count)
        let metricColumn = try ColumnarDecoder.column(table, "metric", count, metricNumbers.count)
        let labelColumn = try ColumnarDecoder.column(table, "labels", count, templateNumbers.count)

        var series: [MetricSeries] = []
        series.reserveCapacity(count)
        var budget = members.json.count * ColumnarDecoder.largestExpansion
        for i in 0..<count {
            let key = Key(
                gpu: gpuNumbers[Int(gpuColumn[i])], metric: metricNumbers[Int(metricColumn[i])],
                template: templateNumbers[Int(labelColumn[i])])
            if let index = known.index(forKey: key) {
                known.values[index].used = generation
                series.append(known.values[index].series)
                continue
            }
            let gpu = gpus[key.gpu]
            let name = metrics[key.metric].string
            let new = MetricSeries(
                metricName: name, gpu: gpu, labels: try compiled[key.template].labels(of: gpu, name, budget: &budget))
            known[key] = Known(series: new, used: generation)
            series.append(new)
        }
        return series
    }

    /// Removes the series, and their parts, that no batch has contained since the last removal. The number of known
    /// series at least doubles between two removals, so that the cost per series is small.
    private mutating func tidy() {
        var tidied = ColumnarDecoder()
        tidied.generation = generation + 1
        for (key, entry) in known where entry.used == generation {
            let template = tidied.templates.number(of: templates[key.template])
            if template == tidied.compiled.count { tidied.compiled.append(compiled[key.template]) }
            let key = Key(
                gpu: tidied.gpus.number(of: gpus[key.gpu]), metric: tidied.metrics.number(of: metrics[key.metric]),
                template: template)
            tidied.known[key] = entry
        }
        tidied.tidyAt = max(Self.fewSeries, 2 * tidied.known.count)
        (tidied.lastTables, tidied.lastSeries) = (lastTables, lastSeries)
        self = tidied
    }

    private static func column(
        _ table: JSONMembers, _ key: StaticString, _ count: Int, _ size: Int
    ) throws(BatchError) -> [UInt32] {
        let runs = try RunDecoder(table, key, longest: count)
        try runs.requireTotal(count)
        return try runs.indices(table: size)
    }

    private static func strings(_ members: JSONMembers, _ key: StaticString) throws(BatchError) -> [String] {
        var strings: [String] = []
        try members.read(try members.required(key)) { reader throws(JSONError) in
            try reader.beginArray()
            while try reader.nextElement() { strings.append(try reader.readString()) }
        }
        return strings
    }

    private mutating func readGPUs(_ members: JSONMembers, _ strings: [String]) throws(BatchError) -> [Int] {
        var rows: [GPUIdentity] = []
        try members.read(try members.required("gpus")) { reader throws(JSONError) in
            let shortest = ColumnarEncoder.firstMembers.count
            func text() throws(JSONError) -> String {
                let index = try reader.readInt64()
                guard index >= 0, index < strings.count else {
                    throw reader.failure(
                        "gpus has the index \(index), which is not in the table of \(strings.count) strings")
                }
                return strings[Int(index)]
            }
            try reader.beginArray()
            while try reader.nextElement() {
                try reader.beginArray()
                guard try reader.nextElement() else { throw reader.failure("a row of gpus has \(shortest) entries") }
                let uuid = try reader.readString()
                guard !uuid.isEmpty else { throw reader.failure("gpus has an empty uuid") }
                var others: [String] = []
                while try reader.nextElement() {
                    if others.count < GPUMember.exceptUUID.count {
                        others.append(try text())
                    } else {
                        _ = try reader.skipValue()
                    }
                }
                guard others.count >= shortest - 1 else {
                    throw reader.failure("a row of gpus has \(shortest) entries")
                }
                var rest = others[...]
                rows.append(GPUIdentity { $0.isUUID ? uuid : rest.popFirst() ?? "" })
            }
        }
        return rows.map { gpus.number(of: $0) }
    }

    private mutating func readTemplates(_ members: JSONMembers) throws(BatchError) -> [Int] {
        var read: [LabelTemplate] = []
        try members.read(try members.required("labels")) { reader throws(JSONError) in
            try reader.beginArray()
            while try reader.nextElement() {
                var texts: [ByteText] = []
                try reader.beginArray()
                while try reader.nextElement() { texts.append(ByteText(try reader.readString())) }
                read.append(LabelTemplate(texts: texts))
            }
        }
        var numbers: [Int] = []
        for template in read {
            let number = templates.number(of: template)
            if number == compiled.count {
                // An invalid template must not keep its number.
                do throws(BatchError) {
                    compiled.append(try CompiledTemplate(template))
                } catch {
                    templates = Numbering()
                    compiled = []
                    known = [:]
                    throw error
                }
            }
            numbers.append(number)
        }
        return numbers
    }
}
