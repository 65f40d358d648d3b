import TelemetryBase

/// Samples as they come.
enum StreamRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/stream", operationID: "streamSamples",
            summary: "New samples as server-sent events, a few events a second, until either side ends it.",
            tag: "telemetry",
            parameters: RouteParameters.seriesFilters,
            responses: [ResponseContent(EventStream.contentType, component: EventStream.component)],
            errors: [400, 503], requiresToken: true
        ) { context in
            let filter = try context.filter()
            guard let live = context.gateway.configuration.live else {
                throw APIError.unavailable(
                    "this gateway is not told of new samples; ask /api/v1/telemetry/latest now and then")
            }
            if let problem = live.problem { throw APIError.unavailable(problem) }
            guard live.subscriberCount < live.configuration.maxSubscribers else {
                throw APIError.unavailable("\(live.subscriberCount) clients listen, and no more are taken at this time")
            }
            return EventStream(live: live, filter: filter).response
        }
    ]
}
