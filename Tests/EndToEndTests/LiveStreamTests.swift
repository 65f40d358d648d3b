import FaultSupport
import Foundation
import Testing

@Suite(
    "Samples as they come, from the queue to the client of a stream",
    .enabled(if: RealExport.isPresent, RealExport.absent))
struct LiveStreamTests {
    /// With a database too the samples come from the queue: this one is not even there.
    @Test("what a streamer publishes reaches the stream, whatever the storage", arguments: ["memory", "influxdb"])
    func stream(storage: String) async throws {
        let csv = try #require(RealExport.path)
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let database = "http://127.0.0.1:\(try freePort())"
            let api = try await stage.startAPI(queue.port, ["STORAGE": storage, "INFLUXDB_URL": database])
            try await eventuallyTrue("the queue's subscriber", unless: api.process) {
                try await HTTP.get(queue.httpPort, "/stats").text.contains("\"subscriber_count\":1")
            }
            async let listening = HTTP.get(api.port, "/api/v1/stream?metric_name=DCGM_FI_DEV_GPU_TEMP")
            try await eventuallyTrue("a client of the stream", unless: api.process) {
                try await PrometheusSamples(api.port)["gateway_stream_clients"] == 1
            }
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await eventuallyTrue("the samples", unless: api.process) {
                try await PrometheusSamples(api.port)["gateway_stream_samples_total"] == 247
            }
            if storage == "memory" {
                try await REST.awaitSamples(2470, api)
                try await eventuallyTrue("readiness", unless: api.process) {
                    try await HTTP.get(api.port, "/ready").status == 200
                }
                #expect(try await PrometheusSamples(api.port)["telemetry_feed_lag_messages"] == 0)
            }
            #expect(await api.process.terminate() == 0)
            let events = try await listening.text.components(separatedBy: "\n\n")
            let samples = events.filter { $0.hasPrefix("event: samples\n") }
            let count = samples.reduce(0) {
                $0 + $1.components(separatedBy: "\"metric_name\":\"DCGM_FI_DEV_GPU_TEMP\"").count - 1
            }
            #expect(count == 247)
            #expect(events.contains("event: dropped\ndata: {\"reason\":\"the gateway is stopping\"}"))
        }
    }

    @Test("origins with a path are refused at the start, with their name")
    func origins() async throws {
        try await Stage.run { stage in
            let api = try stage.start(.api, ["CORS_ORIGINS": "https://a.example/"])
            #expect(await api.endedOrKilled() == 64)
            #expect(api.errors.contains("CORS_ORIGINS") && api.errors.contains("https://a.example/"))
        }
    }
}
