import TelemetryBase

/// New samples as they arrive.
enum StreamRoutes {
    static let all: [Route] = [
        Route(
            path: "/api/v1/stream", operationID: "streamSamples",
            summary: "New samples as server-sent events, several events per second, until either side ends the stream.",
            tag: "telemetry",
            parameters: RouteParameters.seriesFilters,
            responses: [ResponseContent(EventStream.contentType, component: EventStream.component)],
            errors: [400, 503], requiresToken: true
        ) { context in
            let filter = try context.filter()
            guard let live = context.gateway.configuration.live else {
                throw APIError.unavailable(
                    "this gateway has no source of new samples; poll /api/v1/telemetry/latest instead")
            }
            if let problem = live.problem { throw APIError.unavailable(problem) }
            guard live.subscriberCount < live.configuration.maxSubscribers else {
                throw APIError.unavailable(
                    "there are \(live.subscriberCount) clients, the maximum number; try again later")
            }
            return EventStream(live: live, filter: filter).response
        }
    ]
}
