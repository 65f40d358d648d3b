import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// The parameters that several routes have, so that they mean the same everywhere.
enum RouteParameters {
    static let uuid = Parameter.segment(
        "uuid", "The GPU's uuid.", example: "GPU-5fd4f087-86f3-7a43-b711-4771313afc50")

    // MARK: Pages

    static func limit(_ configuration: Gateway.Configuration) -> Parameter<Int> {
        .integer(
            "limit", 1...configuration.maxLimit, default: configuration.defaultLimit, "Maximum number of entries.",
            example: "10")
    }

    static let offset = Parameter.integer("offset", 0...Int.max, default: 0, "Number of entries to skip.", example: "0")
    static let cursor = Parameter.cursor(
        "cursor",
        "The next of the previous page: this page begins after it, even if new data have arrived. "
            + "Use it with the same filters and order.",
        example: "MWExNzUyODcxMzU0MDAwMDAwMDAwL0RDR01fRklfREVWX0dQVV9URU1QL0dQVS0x")
    static let timeOrder = Parameter<PageCursor.Order>.choice(
        "order", default: .asc, "By time: asc is oldest first, desc newest first.", example: "desc")

    // MARK: Samples

    static let metricNames = Parameter.texts(
        "metric_name", "Only samples of this metric; may be repeated.", example: "DCGM_FI_DEV_GPU_TEMP")
    static let startTime = Parameter.time(
        "start_time", "Only samples at or after this time (RFC 3339).", example: "2025-07-18T20:42:34Z")
    static let endTime = Parameter.time(
        "end_time", "Only samples at or before this time (RFC 3339).", example: "2025-07-18T20:42:37Z")

    // MARK: GPUs

    static let hostnames = Parameter.texts(
        "hostname", "Only GPUs of this host; may be repeated.", example: "mtv5-dgx1-hgpu-031")
    static let models = Parameter.texts(
        "model", "Only GPUs of this model; may be repeated.", example: "NVIDIA H100 80GB HBM3")
    static let uuids = Parameter.texts(
        "uuid", "Only this GPU; may be repeated.", example: "GPU-5fd4f087-86f3-7a43-b711-4771313afc50")

    /// The filters of samples, in addition to times, if the path names no GPU.
    static let seriesFilters: [any RouteParameter] = [metricNames, uuids, hostnames, models]
}

extension RequestContext {
    /// The filter of those of the parameters above that the route declares.
    func filter() throws(APIError) -> SampleFilter {
        let filter = SampleFilter(
            metricNames: try parameters.valueIfDeclared(of: RouteParameters.metricNames) ?? [],
            // The path of a GPU is a filter, too.
            uuids: try parameters.valueIfDeclared(of: RouteParameters.uuids) ?? [],
            hostnames: try parameters.valueIfDeclared(of: RouteParameters.hostnames) ?? [],
            modelNames: try parameters.valueIfDeclared(of: RouteParameters.models) ?? [],
            startTime: try parameters.valueIfDeclared(of: RouteParameters.startTime) ?? nil,
            endTime: try parameters.valueIfDeclared(of: RouteParameters.endTime) ?? nil)
        if let start = filter.startTime, let end = filter.endTime, start > end {
            throw .badRequest("start_time=\(start) is after end_time=\(end)")
        }
        return filter
    }

    /// The maximum number of entries of the response.
    var limit: Int { get throws(APIError) { try self[RouteParameters.limit(gateway.configuration)] } }

    /// The requested page of a list that is in memory as a whole.
    func page<Element>(of items: [Element]) throws(APIError) -> Page<Element> {
        items.page(limit: try limit, offset: try self[RouteParameters.offset])
    }

    /// The response for a page of a list, with the address of the next page if there is one.
    func list<Element: Sendable>(
        _ page: Page<Element>, as shape: ListShape<Element, ListCounts>
    ) throws -> HTTPResponse {
        var response = try Responses.list(page, as: shape, gateway)
        let (end, overflow) = try self[RouteParameters.offset].addingReportingOverflow(page.items.count)
        if !overflow, !page.items.isEmpty, end < page.total {
            response.headers.append(SamplePage.link(to: request, ["offset": String(end)], without: ["offset"]))
        }
        return response
    }

    /// The GPU of the path; throws 404 if no sample of it is stored.
    @discardableResult
    func knownGPU() async throws -> GPUInfo {
        let uuid = try self[RouteParameters.uuid]
        guard let info = try await store.gpu(uuid: uuid) else {
            throw APIError.notFound("no samples of a GPU \(abbreviated(uuid))")
        }
        return info
    }
}
