import TelemetryBase
import TelemetryHTTP

/// What machines ask of the process itself.
enum ServiceRoutes {
    static let all: [Route] = [
        Route(
            path: "/health", operationID: "getHealth", summary: "Whether the process is alive.", tag: "service",
            answers: Routes.json("Health"), isFixed: true
        ) { _ in HTTPResponse(health: "ok") },
        Route(
            path: "/ready", operationID: "getReadiness",
            summary: "Whether the store is available, and its sources are connected and up to date.", tag: "service",
            answers: Routes.json("Readiness"), errors: [503], isProbe: true
        ) { await readiness($0) },
        Route(
            path: "/metrics", operationID: "getPrometheusMetrics",
            summary: "Counters of this process, in the Prometheus text format.",
            tag: "service", answers: [Route.AnswerContent(contentType: ByteWriter.prometheusContentType, schema: nil)],
            isHeavy: true, isProbe: true
        ) { await prometheus($0) },
        Route(
            path: "/openapi.json", operationID: "getOpenAPI", summary: "This interface as an OpenAPI 3.1 document.",
            tag: "service",
            answers: [Route.AnswerContent(contentType: Responses.json, schema: nil)], isFixed: true
        ) { $0.gateway.openAPI.response },
    ]

    private static func readiness(_ context: RequestContext) async -> HTTPResponse {
        var checks: [Gateway.ReadinessCheck] = []
        do {
            try await context.gateway.askingStore { try await $0.checkHealth() }
            checks.append(Gateway.ReadinessCheck(name: "store", isReady: true, detail: "answers"))
        } catch is DeadlineExceeded {
            let limit = context.gateway.probeTimeout
            checks.append(
                Gateway.ReadinessCheck(name: "store", isReady: false, detail: "does not answer within \(limit)"))
        } catch {
            checks.append(
                Gateway.ReadinessCheck(name: "store", isReady: false, detail: abbreviated("\(error)", to: 400)))
        }
        checks += await context.gateway.configuration.readiness()
        return HTTPResponse(
            readiness: checks.map { ReadinessCheck(name: $0.name, isReady: $0.isReady, detail: $0.detail) })
    }

    private static func prometheus(_ context: RequestContext) async -> HTTPResponse {
        var out = ByteWriter(capacity: 4096)
        context.gateway.counters.append(to: &out)
        out.appendMetrics(of: context.gateway.connections)
        // A store that cannot answer must not hide the other numbers.
        let statistics = try? await context.gateway.askingStore { try await $0.statistics() }
        out.appendMetric(
            "gateway_store_up", "gauge", "1 where the store answered this scrape.", statistics == nil ? 0 : 1)
        if let statistics {
            out.appendMetric(
                "gateway_store_samples", "gauge", "Samples that the store holds.", Int64(statistics.sampleCount))
            out.appendMetric("gateway_store_gpus", "gauge", "GPUs that have samples.", Int64(statistics.gpuCount))
            out.appendMetric("gateway_store_hosts", "gauge", "Hosts that have samples.", Int64(statistics.hostCount))
        }
        if let live = context.gateway.configuration.live {
            out.appendMetric(
                "gateway_stream_clients", "gauge", "Clients of the live stream.", Int64(live.subscriberCount))
            out.appendMetric(
                "gateway_stream_dropped_clients_total", "counter", "Clients of the live stream that were too slow.",
                Int64(live.droppedCount))
            out.appendMetric(
                "gateway_stream_samples_total", "counter", "Samples handed to clients of the live stream.",
                Int64(live.sampleCount))
        }
        var further = MetricsText()
        await context.gateway.configuration.metrics(&further)
        out.append(further.bytes)
        return HTTPResponse(contentType: ByteWriter.prometheusContentType, out.bytes)
    }
}
