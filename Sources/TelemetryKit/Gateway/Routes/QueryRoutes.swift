import TelemetryBase
import TelemetryHTTP
import TelemetryModels

/// Aggregates of many samples.
enum QueryRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/query/aggregate", operationID: "aggregate",
            summary: "One value per time window, of each GPU, of each host, or of the cluster.", tag: "telemetry",
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

    /// The maximum number of windows, which is that of Prometheus.
    private static let maxWindows: Int64 = 11_000

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

    /// Refuses windows that are too short for the time range, whose response would be too large to be useful.
    private static func checkWindows(_ query: AggregateQuery, _ context: RequestContext) async throws {
        var (start, end) = (query.filter.startTime, query.filter.endTime)
        let maxPoints = Int64(context.gateway.configuration.maxResponseBytes / bytesOfPoint)
        // The store is only queried if the request itself does not limit the size of the response.
        if let start, let end, case let count = windows(query, start, end), count < maxWindows,
            count * Int64(namedGroups(query) ?? 4096) <= maxPoints
        {
            return
        }
        // Only windows between the oldest and the newest sample can have samples.
        let stored = try await context.store.statistics()
        guard let oldest = stored.oldest, let newest = stored.newest else { return }
        start = max(start ?? oldest, oldest)
        end = min(end ?? newest, newest)
        guard let start, let end, start <= end else { return }
        let count = windows(query, start, end)
        let groups = min(namedGroups(query) ?? .max, query.grouping == .host ? stored.hostCount : stored.gpuCount)
        let (product, overflow) = (count + 1).multipliedReportingOverflow(by: Int64(groups))
        let points = min(overflow ? .max : product, Int64(stored.sampleCount))
        guard points <= maxPoints else {
            throw APIError(
                status: 422, code: "response_too_large",
                message: "up to \(points) points of \(groups) groups would be larger than "
                    + "\(context.gateway.configuration.maxResponseBytes) bytes (MAX_RESPONSE_SIZE): "
                    + "request a longer window, a shorter time range, fewer GPUs or another group_by")
        }
        guard count < maxWindows else {
            throw APIError.badRequest(
                "window is too short: \(start) to \(end) has \(count) windows of this length; "
                    + "the limit is \(maxWindows)"
            )
        }
    }

    /// The maximum number of groups that the filter allows; `nil` if it is unlimited.
    private static func namedGroups(_ query: AggregateQuery) -> Int? {
        switch query.grouping {
        case .gpu: query.filter.uuids.isEmpty ? nil : query.filter.uuids.count
        case .host: query.filter.hostnames.isEmpty ? nil : query.filter.hostnames.count
        case .cluster: 1
        }
    }

    private static func windows(_ query: AggregateQuery, _ start: Timestamp, _ end: Timestamp) -> Int64 {
        let (span, overflow) = end.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        return (overflow ? .max : span) / query.window.wholeNanoseconds
    }
}
