import TelemetryBase
import TelemetryHTTP

/// The state of the process, for monitoring.
enum ServiceRoutes {
    static let all: [Route] = [
        Route(
            path: "/health", operationID: "getHealth", summary: "Whether the process is alive.", tag: "service",
            responses: [.json(ServiceShapes.health)], isFixed: true
        ) { _ in HTTPResponse(health: "ok") },
        Route(
            path: "/ready", operationID: "getReadiness",
            summary: "Whether the store is available, and its sources are connected and up to date.", tag: "service",
            responses: [.json(ServiceShapes.readiness)], errors: [503], isProbe: true,
            // A failed readiness has the same form.
            errorContent: .json(ServiceShapes.readiness)
        ) { await readiness($0) },
        Route(
            path: "/metrics", operationID: "getPrometheusMetrics",
            summary: "Counters of this process, in the Prometheus text format.",
            tag: "service", responses: [.text(ByteWriter.prometheusContentType)],
            isHeavy: true, isProbe: true
        ) { await prometheus($0) },
        Route(
            path: "/openapi.json", operationID: "getOpenAPI", summary: "The OpenAPI 3.1 document of this API.",
            tag: "service",
            responses: [ResponseContent(HTTPResponse.json, schema: .object)], isFixed: true
        ) { $0.gateway.openAPI.response },
    ]

    private static func readiness(_ context: RequestContext) async -> HTTPResponse {
        let further = await context.gateway.configuration.readiness()
        return HTTPResponse(readiness: [await storeCheck(context.gateway)] + further)
    }

    private static func storeCheck(_ gateway: GatewayCore) async -> ReadinessCheck {
        do {
            try await gateway.queryStore { try await $0.checkHealth() }
            return ReadinessCheck(name: "store", isReady: true, detail: "responds")
        } catch is DeadlineExceeded {
            return ReadinessCheck(
                name: "store", isReady: false, detail: "does not respond within \(gateway.probeTimeout)")
        } catch {
            return ReadinessCheck(name: "store", isReady: false, detail: abbreviated("\(error)", to: 400))
        }
    }

    private static func prometheus(_ context: RequestContext) async -> HTTPResponse {
        var out = ByteWriter(capacity: 4096)
        context.gateway.counters.append(to: &out)
        out.appendMetrics(of: context.gateway.connections)
        // A store that does not respond must not hide the other metrics.
        let statistics = try? await context.gateway.queryStore { try await $0.statistics() }
        out.appendMetric(
            "gateway_store_up", "gauge", "1 if the store responded to this scrape.", statistics == nil ? 0 : 1)
        if let statistics {
            out.appendMetric(
                "gateway_store_samples", "gauge", "Samples in the store.", Int64(statistics.sampleCount))
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
                "gateway_stream_samples_total", "counter", "Samples delivered to clients of the live stream.",
                Int64(live.sampleCount))
        }
        var further = MetricsText()
        await context.gateway.configuration.metrics(&further)
        out.append(further.bytes)
        return HTTPResponse(metrics: out.bytes)
    }
}
