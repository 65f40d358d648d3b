import TelemetryModels
import TelemetryNet
import TelemetryStores

/// All samples of a filter as a file of any size, asked for and sent page by page.
///
/// Memory stays flat: one page of samples and one chunk of text. A page begins behind the last sample of the one before, so what
/// arrives meanwhile neither doubles nor skips any.
struct TelemetryExport: Sendable {
    let store: any TelemetryStore
    let filter: SampleFilter
    let gateway: GatewayCore

    /// A sample in memory takes 24 bytes. A page costs the store a look into every series: larger ones where there are many.
    private var pageSize: Int { filter.uuids.count == 1 ? 20_000 : 100_000 }

    /// Asks for the first page, so that a store that cannot answer is an error and not a broken file.
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
                // A preferred executor that is the event loop would make every other request wait for this one's text.
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

    /// The one GPU's uuid, else `telemetry`. A uuid is a client's text: only what a file name can safely hold is kept.
    private var fileName: String {
        guard filter.uuids.count == 1, let uuid = filter.uuids.first else { return "telemetry" }
        let safe = uuid.utf8.filter { $0 == 45 || (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) }
        return safe.isEmpty ? "telemetry" : String(decoding: safe.prefix(64), as: UTF8.self)
    }
}
