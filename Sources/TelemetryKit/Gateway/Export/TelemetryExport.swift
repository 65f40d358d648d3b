import TelemetryHTTP
import TelemetryModels
import TelemetryStores

/// All samples of a filter as a file of any size, read and sent page by page.
///
/// The memory is constant: one page of samples and one chunk of text. A page begins after the last sample of the
/// previous one, so data that arrive meanwhile cause neither duplicates nor gaps.
struct TelemetryExport: Sendable {
    let store: any TelemetryStore
    let filter: SampleFilter
    let gateway: GatewayCore

    /// A sample in memory takes 24 bytes. Each page makes the store examine every series: pages are larger if there are
    /// many.
    private var pageSize: Int { filter.uuids.count == 1 ? 20_000 : 100_000 }

    /// Reads the first page, so that an unavailable store causes an error and not a truncated file.
    func response(as format: ExportFormat, negotiated: Bool) async throws -> HTTPResponse {
        let first = try await page(after: nil)
        var headers = [
            (name: "Content-Type", value: format.contentType),
            (name: "Content-Disposition", value: "attachment; filename=\"\(fileName).\(format.fileSuffix)\""),
        ]
        if negotiated { headers.append(("Vary", "Accept")) }
        return HTTPResponse(
            headers: headers,
            body: .stream { writer in
                // If the preferred executor were the event loop, every other request would wait for this one's text.
                try await withTaskExecutorPreference(gateway.workers) {
                    try await write(first, as: format, to: writer)
                }
            })
    }

    private func write(_ first: [GPUMetric], as format: ExportFormat, to body: HTTPBodyWriter) async throws {
        var writer = ExportWriter(format: format)
        writer.begin()
        var page = first
        while true {
            for sample in page {
                writer.append(sample)
                if writer.output.count >= ExportWriter.chunkBytes { try await body.write(writer.take()) }
            }
            guard page.count == pageSize, let last = page.last else { break }
            page = []
            // The transfer may take as long as the client likes, but each page has a deadline like a request.
            page = try await gateway.deadlines.run(within: gateway.configuration.queryTimeout, on: gateway.workers) {
                try await self.page(after: SampleCursor(last))
            }
        }
        writer.end()
        let rest = writer.take()
        if !rest.isEmpty { try await body.write(rest) }
    }

    private func page(after cursor: SampleCursor?) async throws -> [GPUMetric] {
        try await store.telemetry(TelemetryQuery(filter, limit: pageSize, after: cursor, countsTotal: false)).items
    }

    /// The uuid if there is one GPU, otherwise `telemetry`. A uuid is a client's text: only characters that are safe in
    /// a file name are kept.
    private var fileName: String {
        guard filter.uuids.count == 1, let uuid = filter.uuids.first else { return "telemetry" }
        let safe = uuid.utf8.filter {
            $0 == 45 || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
        }
        return safe.isEmpty ? "telemetry" : String(decoding: safe.prefix(64), as: UTF8.self)
    }
}
