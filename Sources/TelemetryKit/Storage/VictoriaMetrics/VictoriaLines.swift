import Glibc
import TelemetryNet

/// Writes samples as JSON lines, a series each:
///
///     {"metric":{"__name__":"DCGM_FI_DEV_GPU_UTIL","uuid":"GPU-1",…},"values":[97,98],"timestamps":[1752871354000,1752871355000]}
///
/// Beside line protocol the labels stand once a series instead of once a sample, every text passes as it is, and a time near 1970 is not
/// taken for another unit.
/// Format: https://docs.victoriametrics.com/victoriametrics/#how-to-import-data-in-json-line-format
struct VictoriaLines {
    private let database: String
    private let maximumBytes: Int
    private let maximumLabelBytes: Int
    /// The database drops what is further ahead and does not say so.
    private let latest = Int64(time(nil) + 2 * 86400) * 1000

    private struct Columns {
        var times: [Int64] = []
        var values: [Double] = []
    }

    init(database: String, maximumBytes: Int, maximumLabelBytes: Int) {
        self.database = database
        self.maximumBytes = maximumBytes
        self.maximumLabelBytes = maximumLabelBytes
    }

    /// Throws where the database would drop or cut something without saying so.
    mutating func bodies(of batches: [MetricBatch]) throws(StoreError) -> [[UInt8]] {
        var order: [MetricSeries: Int] = [:]
        var columns: [Columns] = []
        for batch in batches {
            let places = batch.series.map { series in
                if let place = order[series] { return place }
                order[series] = columns.count
                columns.append(Columns())
                return columns.count - 1
            }
            for i in 0..<batch.count where batch.values[i].isFinite {
                let time = batch.timestamps[i].flooredDivision(by: 1_000_000)
                if time < VictoriaRange.earliest { continue }
                guard time <= latest else {
                    let name = batch.series[Int(batch.seriesIndices[i])].metricName
                    throw StoreError(
                        .rejected,
                        "a sample of \(name) is of \(Timestamp(nanoseconds: batch.timestamps[i])): VictoriaMetrics takes none of more than 2 days ahead")
                }
                let place = places[Int(batch.seriesIndices[i])]
                columns[place].times.append(time)
                columns[place].values.append(batch.values[i])
            }
        }
        var bodies: [[UInt8]] = []
        var body = ByteWriter()
        for (series, place) in order.sorted(by: { $0.value < $1.value }) where !columns[place].times.isEmpty {
            let head = try VictoriaLabels.json(series, database: database, maximumBytes: maximumLabelBytes)
            var rest = 0..<columns[place].times.count
            while !rest.isEmpty {
                // About 32 bytes a sample.
                let some = rest.prefix(max(1, (maximumBytes - body.count - head.count) / 32))
                append(head, columns[place], some, to: &body)
                rest = some.upperBound..<rest.upperBound
                if body.count >= maximumBytes || !rest.isEmpty {
                    bodies.append(body.bytes)
                    body = ByteWriter()
                }
            }
        }
        if body.count > 0 { bodies.append(body.bytes) }
        return bodies
    }

    private func append(_ head: [UInt8], _ columns: Columns, _ range: Range<Int>, to body: inout ByteWriter) {
        body.append("{\"metric\":")
        body.append(head)
        body.append(",\"values\":[")
        for i in range {
            if i > range.lowerBound { body.append(UInt8(ascii: ",")) }
            body.appendDouble(columns.values[i])
        }
        body.append("],\"timestamps\":[")
        for i in range {
            if i > range.lowerBound { body.append(UInt8(ascii: ",")) }
            body.appendDecimal(columns.times[i])
        }
        body.append("]}\n")
    }
}

/// A series as labels, and back.
enum VictoriaLabels {
    /// Of the GPU; an empty value is as good as none.
    static let identity = ["container", "device", "gpu_id", "hostname", "model_name", "namespace", "pod", "uuid"]

    static func json(_ series: MetricSeries, database: String, maximumBytes: Int) throws(StoreError) -> [UInt8] {
        let gpu = series.gpu
        let labels = [
            ("__name__", series.metricName), ("container", gpu.container), ("db", database), ("device", gpu.device), ("gpu_id", gpu.gpuID),
            ("hostname", gpu.hostname), ("labels_raw", StoredLabels.text(series.labels)), ("model_name", gpu.modelName),
            ("namespace", gpu.namespace), ("pod", gpu.pod), ("uuid", gpu.uuid),
        ]
        var out = ByteWriter()
        for (name, value) in labels where !value.isEmpty {
            guard value.utf8.count <= maximumBytes else {
                throw StoreError(
                    .rejected,
                    "\(name) of \(series.metricName.prefix(100)) on \(gpu.uuid.prefix(100)) has \(value.utf8.count) bytes; VictoriaMetrics keeps \(maximumBytes)")
            }
            out.append(out.count == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            out.appendJSONString(name)
            out.append(UInt8(ascii: ":"))
            out.appendJSONString(value)
        }
        out.append("}")
        return out.bytes
    }

    static func series(_ labels: [String: String]) throws(StoreError) -> MetricSeries {
        MetricSeries(
            metricName: labels["__name__"] ?? "", gpu: gpu { labels[$0] ?? "" }, labels: try StoredLabels.labels(labels["labels_raw"] ?? ""))
    }

    static func gpu(_ label: (String) -> String) -> GPUIdentity {
        GPUIdentity(
            gpuID: label("gpu_id"), device: label("device"), uuid: label("uuid"), modelName: label("model_name"), hostname: label("hostname"),
            container: label("container"), pod: label("pod"), namespace: label("namespace"))
    }
}

extension Int64 {
    /// Rounded down, for times before 1970 too.
    func flooredDivision(by divisor: Int64) -> Int64 {
        let (quotient, rest) = quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}
