import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// The parameters that several routes have, so that they mean the same everywhere.
enum RouteParameters {
    static let uuid = Route.Parameter(
        name: "uuid", kind: .pathText, description: "The GPU's uuid.",
        example: "GPU-5fd4f087-86f3-7a43-b711-4771313afc50")

    // MARK: Pages

    static func limit(_ configuration: Gateway.Configuration) -> Route.Parameter {
        Route.Parameter(
            name: "limit", kind: .integer(1...configuration.maxLimit, default: configuration.defaultLimit),
            description: "Maximum number of entries.", example: "10")
    }

    static let offset = Route.Parameter(
        name: "offset", kind: .integer(0...Int.max, default: 0), description: "Number of entries to skip.", example: "0"
    )
    static let cursor = Route.Parameter(
        name: "cursor", kind: .cursor,
        description:
            "The next of the previous page: this page begins after it, even if new data have arrived. Use it with the same filters and order.",
        example: "MWExNzUyODcxMzU0MDAwMDAwMDAwL0RDR01fRklfREVWX0dQVV9URU1QL0dQVS0x")
    static let timeOrder = Route.Parameter(
        name: "order", kind: .choice(PageCursor.Order.allCases.map(\.rawValue), default: "asc"),
        description: "By time: asc is oldest first, desc newest first.", example: "desc")

    // MARK: Samples

    static let metricNames = Route.Parameter(
        name: "metric_name", kind: .texts, description: "Only samples of this metric; may be repeated.",
        example: "DCGM_FI_DEV_GPU_TEMP")
    static let startTime = Route.Parameter(
        name: "start_time", kind: .time, description: "Only samples at or after this time (RFC 3339).",
        example: "2025-07-18T20:42:34Z")
    static let endTime = Route.Parameter(
        name: "end_time", kind: .time, description: "Only samples at or before this time (RFC 3339).",
        example: "2025-07-18T20:42:37Z")

    // MARK: GPUs

    static let hostnames = Route.Parameter(
        name: "hostname", kind: .texts, description: "Only GPUs of this host; may be repeated.",
        example: "mtv5-dgx1-hgpu-031")
    static let models = Route.Parameter(
        name: "model", kind: .texts, description: "Only GPUs of this model; may be repeated.",
        example: "NVIDIA H100 80GB HBM3")
    static let uuids = Route.Parameter(
        name: "uuid", kind: .texts, description: "Only this GPU; may be repeated.",
        example: "GPU-5fd4f087-86f3-7a43-b711-4771313afc50")

    /// What restricts samples beside times, where the path names no GPU.
    static let seriesFilters = [metricNames, uuids, hostnames, models]
}

extension RequestContext {
    /// Of whichever of the parameters above the route has.
    func filter() throws(APIError) -> SampleFilter {
        let filter = SampleFilter(
            metricNames: texts("metric_name"), uuids: segments["uuid"].map { [$0] } ?? texts("uuid"),
            hostnames: texts("hostname"),
            modelNames: texts("model"), startTime: time("start_time"), endTime: time("end_time"))
        if let start = filter.startTime, let end = filter.endTime, start > end {
            throw .badRequest("start_time=\(start) is after end_time=\(end)")
        }
        return filter
    }

    /// Of a list that is at hand as a whole.
    func page<Element>(of items: [Element]) -> Page<Element> {
        items.page(limit: integer("limit"), offset: integer("offset"))
    }

    /// A page of a list, and the address of the next where there is one.
    func list<Element>(
        _ page: Page<Element>, _ append: @escaping @Sendable (inout ByteWriter, Element) -> Void
    ) throws -> HTTPResponse {
        var answer = try Responses.list(page, gateway, append)
        let (end, over) = integer("offset").addingReportingOverflow(page.items.count)
        if !over, !page.items.isEmpty, end < page.total {
            answer.headers.append(SamplePage.link(to: request, ["offset": String(end)], without: ["offset"]))
        }
        return answer
    }

    /// Throws 404 where no sample of the path's GPU is held.
    @discardableResult
    func knownGPU() async throws -> GPUInfo {
        let uuid = segment("uuid")
        guard let info = try await store.gpu(uuid: uuid) else {
            throw APIError.notFound("no samples of a GPU \(abbreviated(uuid))")
        }
        return info
    }
}
