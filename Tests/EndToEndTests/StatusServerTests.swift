import Synchronization
import TelemetryMQ
import Testing

@Suite("Status server")
struct StatusServerTests {
    @Test("health, readiness and metrics are what the program says at the time it is asked")
    func answers() async throws {
        let problem = Mutex<String?>(nil)
        var content = ServiceEndpoints.Content()
        content.problem = { problem.withLock { $0 } }
        content.readiness = {
            [
                ServiceEndpoints.Check(name: "one", isReady: true, detail: "is \"there\""),
                ServiceEndpoints.Check(name: "two", isReady: problem.withLock { $0 == nil }, detail: "…"),
            ]
        }
        content.metrics = { $0.appendMetric("asked_total", .counter, "Times.", 3) }
        let server = try await ServiceEndpoints.start(name: "test", port: 0, content)
        let port = server.port

        #expect(try await HTTP.get(port, "/health").status == 200)
        let ready = try await HTTP.get(port, "/ready")
        #expect(ready.status == 200)
        #expect(
            ready.text
                == #"{"status":"ready","checks":[{"name":"one","ready":true,"detail":"is \"there\""},{"name":"two","ready":true,"detail":"…"}]}"#
        )
        #expect(try await PrometheusSamples(port)["asked_total"] == 3)

        let unknown = try await HTTP.get(port, "/stats")
        #expect(unknown.status == 404 && unknown.text.contains("/health, /ready and /metrics are"))
        await #expect(throws: MQServerError.self) {
            _ = try await ServiceEndpoints.start(name: "second", port: port, content)
        }

        problem.withLock { $0 = "the disk is gone" }
        let sick = try await HTTP.get(port, "/health")
        #expect(sick.status == 503 && sick.text == #"{"error":"unhealthy","message":"the disk is gone"}"#)
        #expect(try await HTTP.get(port, "/ready").status == 503)
        await server.shutdown()
        await #expect(throws: (any Error).self) { try await HTTP.get(port, "/health") }
    }
}
