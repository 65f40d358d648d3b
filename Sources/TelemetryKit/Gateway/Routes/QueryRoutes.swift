import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// Questions about many samples that have few numbers as their answer.
enum QueryRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/query/aggregate", operationID: "aggregate",
            summary: "One number for every window of time: of each GPU, of each host, or of all.", tag: "telemetry",
            parameters: [
                metricName, function, window, grouping, RouteParameters.startTime, RouteParameters.endTime,
                RouteParameters.uuids,
                RouteParameters.hostnames, RouteParameters.models,
            ],
            responses: [.json(Shapes.aggregateList)], errors: Routes.storeErrors, requiresToken: true, isHeavy: true
        ) { try await aggregate($0) }
    ]

    private static let metricName = Parameter.requiredText(
        "metric_name", "The metric.", example: "DCGM_FI_DEV_GPU_UTIL")
    private static let function = Parameter<AggregateQuery.Function>.choice(
        "function", default: .avg,
        "How the samples of a group and window are aggregated; a percentile is the sample of that rank.",
        example: "p95")
    private static let window = Parameter.duration(
        "window", default: "60s", "Length of a window; windows begin at multiples of it since 1970.", example: "5m")
    private static let grouping = Parameter<AggregateQuery.Grouping>.choice(
        "group_by", default: .gpu,
        "How samples are grouped; the group is a uuid, a hostname, or empty for the cluster.", example: "host")

    /// As many as Prometheus allows in an answer.
    private static let maximumWindows: Int64 = 11_000

    /// `{"time":"2025-07-18T20:42:34Z","value":1},`
    private static let bytesOfPoint = 42

    private static func aggregate(_ context: RequestContext) async throws -> HTTPResponse {
        var filter = try context.filter()
        filter.metricNames = []
        let query = AggregateQuery(
            metricName: try context[metricName], filter: filter, function: try context[function],
            window: try context[window], grouping: try context[grouping])
        try await checkWindows(query, context)
        let groups = try await context.store.aggregate(query)
        let counts = ListCounts(count: groups.count, total: groups.count)
        return try Responses.list(
            groups, Shapes.AggregateDetails(counts: counts, query: query), as: Shapes.aggregateList, context.gateway)
    }

    /// A window that is too short for the time asked for would make an answer that nobody can use.
    private static func checkWindows(_ query: AggregateQuery, _ context: RequestContext) async throws {
        var (start, end) = (query.filter.startTime, query.filter.endTime)
        let maximumPoints = Int64(context.gateway.configuration.maxResponseBytes / bytesOfPoint)
        // What the store holds is only asked for if the request itself does not bound the response.
        if let start, let end, case let count = windows(query, start, end), count < maximumWindows,
            count * Int64(namedGroups(query) ?? 4096) <= maximumPoints
        {
            return
        }
        // No more windows have samples than lie within what is held.
        let held = try await context.store.statistics()
        guard let oldest = held.oldest, let newest = held.newest else { return }
        start = max(start ?? oldest, oldest)
        end = min(end ?? newest, newest)
        guard let start, let end, start <= end else { return }
        let count = windows(query, start, end)
        let groups = min(namedGroups(query) ?? .max, query.grouping == .host ? held.hostCount : held.gpuCount)
        let (product, over) = (count + 1).multipliedReportingOverflow(by: Int64(groups))
        let points = min(over ? .max : product, Int64(held.sampleCount))
        guard points <= maximumPoints else {
            throw APIError(
                status: 422, code: "response_too_large",
                message: "up to \(points) points of \(groups) groups would be larger than "
                    + "\(context.gateway.configuration.maxResponseBytes) bytes (MAX_RESPONSE_SIZE): ask for a longer window, a shorter "
                    + "time, fewer GPUs or another group_by")
        }
        guard count < maximumWindows else {
            throw APIError.badRequest(
                "window is too short: from \(start) to \(end) it makes \(count) windows, and at most \(maximumWindows) are answered"
            )
        }
    }

    /// The most groups that the filter allows; `nil`: any number.
    private static func namedGroups(_ query: AggregateQuery) -> Int? {
        switch query.grouping {
        case .gpu: query.filter.uuids.isEmpty ? nil : query.filter.uuids.count
        case .host: query.filter.hostnames.isEmpty ? nil : query.filter.hostnames.count
        case .cluster: 1
        }
    }

    private static func windows(_ query: AggregateQuery, _ start: Timestamp, _ end: Timestamp) -> Int64 {
        let (span, over) = end.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        return (over ? .max : span) / query.window.wholeNanoseconds
    }
}
