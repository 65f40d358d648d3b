import TelemetryNet

/// All samples of a query as a file, asked for and sent page by page.
struct TelemetryExport: Sendable {
    private static let pageSize = 2000

    let store: any TelemetryStore
    let query: TelemetryQuery

    /// Asks for the first page, so that a store that cannot answer is an error and not a broken file.
    func response(as format: String) async throws -> HTTPResponse {
        let first = try await page(at: 0)
        let isCSV = format == "csv"
        let file = fileName(isCSV ? "csv" : "json")
        return HTTPResponse(
            headers: [
                ("Content-Type", isCSV ? "text/csv; charset=utf-8; header=present" : "application/json"),
                ("Content-Disposition", "attachment; filename=\"\(file)\""),
            ],
            body: .stream { writer in
                if isCSV { try await writeCSV(first, writer) } else { try await writeJSON(first, writer) }
            })
    }

    private func fileName(_ suffix: String) -> String {
        // The uuid is a client's text: only what a file name can safely hold is kept.
        let uuid = String(decoding: (query.filter.uuids.first ?? "").utf8.filter { $0 == 45 || isAlphanumeric($0) }.prefix(64), as: UTF8.self)
        return "\(uuid).\(suffix)"
    }

    private func isAlphanumeric(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }

    private func page(at offset: Int) async throws -> [GPUMetric] {
        var query = query
        query.limit = Self.pageSize
        query.offset = offset
        return try await store.telemetry(query).items
    }

    private func writePages(_ first: [GPUMetric], _ writer: HTTPBodyWriter, _ append: (inout ByteWriter, GPUMetric, Int) -> Void) async throws -> Int {
        var page = first
        var count = 0
        while !page.isEmpty {
            var out = ByteWriter(capacity: page.count * 400)
            for metric in page {
                append(&out, metric, count)
                count += 1
            }
            try await writer.write(out.bytes)
            if page.count < Self.pageSize { break }
            page = try await self.page(at: count)
        }
        return count
    }

    private func writeJSON(_ first: [GPUMetric], _ writer: HTTPBodyWriter) async throws {
        try await writer.write(Array("{\"data\":[".utf8))
        let count = try await writePages(first, writer) { out, metric, index in
            if index > 0 { out.append(",") }
            out.appendJSON(metric)
        }
        try await writer.write(Array("],\"count\":\(count)}\n".utf8))
    }

    // MARK: CSV

    /// The columns of the DCGM export, so that what is exported can be imported.
    static let header: StaticString =
        "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\r\n"

    private func writeCSV(_ first: [GPUMetric], _ writer: HTTPBodyWriter) async throws {
        var head = ByteWriter()
        head.append(Self.header)
        try await writer.write(head.bytes)
        _ = try await writePages(first, writer) { out, metric, _ in Self.appendRow(metric, to: &out) }
    }

    static func appendRow(_ metric: GPUMetric, to out: inout ByteWriter) {
        let gpu = metric.gpu
        for field in [
            metric.timestamp.description, metric.metricName, gpu.gpuID, gpu.device, gpu.uuid, gpu.modelName, gpu.hostname,
            gpu.container, gpu.pod, gpu.namespace,
        ] {
            appendField(field, to: &out)
            out.append(",")
        }
        out.append("\"")
        out.appendDouble(metric.value)
        out.append("\",")
        appendField(prometheusLabels(metric.labels), to: &out)
        out.append("\r\n")
    }

    /// In quotes, with quotes doubled (RFC 4180).
    private static func appendField(_ text: String, to out: inout ByteWriter) {
        out.append("\"")
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") { out.append("\"") }
            out.append(byte)
        }
        out.append("\"")
    }

    /// `name="value",…` with the escapes of the Prometheus text format.
    private static func prometheusLabels(_ labels: [MetricLabel]) -> String {
        var out = ByteWriter()
        for (index, label) in labels.enumerated() {
            if index > 0 { out.append(",") }
            out.append(label.name)
            out.append("=\"")
            for byte in label.value.utf8 {
                switch byte {
                case UInt8(ascii: "\""): out.append("\\\"")
                case UInt8(ascii: "\\"): out.append("\\\\")
                case UInt8(ascii: "\n"): out.append("\\n")
                default: out.append(byte)
                }
            }
            out.append("\"")
        }
        return String(decoding: out.bytes, as: UTF8.self)
    }
}
