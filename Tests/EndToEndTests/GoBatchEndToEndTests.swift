import FaultSupport
import Foundation
import Testing

/// Batches of the shape that the reimplemented system's own streamer publishes, through our queue to our readers.
@Suite("Batches of the reimplemented system's streamer", .timeLimit(.minutes(20)))
struct GoBatchEndToEndTests {
    private static func publish(_ queue: Stage.Queue) throws {
        let peer = try RawPeer(port: queue.port)
        for gpu in 0..<3 {
            let workload = gpu == 1 ? #""container":"c","pod":"train-\u003c1\u003e","namespace":"n","# : ""
            let labels = gpu == 2 ? #","labels":{"driver":"535"}"# : gpu == 1 ? #","labels":null"# : ""
            let metric = #"""
                {"timestamp":"2025-07-18T22:42:34.\#(gpu)00000001+02:00","metric_name":"DCGM_FI_DEV_GPU_UTIL","gpu_id":\#(gpu),\#
                "device":"nvidia\#(gpu)","uuid":"GPU-\#(gpu)","model_name":"H100","hostname":"node1",\#(workload)"value":1.5e+0\#(gpu)\#(labels)}
                """#
            let batch =
                #"{"batch_id":"s-\#(gpu)","source":"s","collected_at":"2025-07-18T20:42:39.5Z","metrics":[\#(metric)]}"#
            #expect(members(try peer.ask(#"{"type":"publish","payload":\#(batch)}"#))["offset"] as? Int == gpu)
        }
    }

    private static func expectServed(_ api: Stage.API) async throws {
        try await REST.awaitSamples(3, api)
        let gpus = try await HTTP.json(REST.List<REST.GPU>.self, api.port, "/api/v1/gpus").data
        #expect(gpus.map(\.gpu_id) == ["0", "1", "2"] && gpus.map(\.uuid) == ["GPU-0", "GPU-1", "GPU-2"])
        let samples = try await HTTP.json(REST.List<REST.Sample>.self, api.port, "/api/v1/telemetry").data
        #expect(samples.map(\.value).sorted() == [1.5, 15, 150])
        #expect(samples.map(\.timestamp).sorted() == (0..<3).map { "2025-07-18T20:42:34.\($0)00000001Z" })
    }

    @Test("the api serves their samples from memory")
    func api() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            try Self.publish(queue)
            let api = try await stage.startAPI(queue.port)
            try await Self.expectServed(api)
            let stats = try await HTTP.get(api.port, "/api/v1/stats").text
            #expect(stats.contains(#""undecodable_messages":0"#))
        }
    }

    @Test("a collector stores their samples", .enabled(if: InfluxDB.isPresent, InfluxDB.absent))
    func collector() async throws {
        try await Stage.run { stage in
            let database = try await stage.startInfluxDB()
            let queue = try await stage.startQueue()
            try Self.publish(queue)
            let storage = ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(database.port)"]
            let collector = try stage.startCollector(queue.port, storage)
            let api = try await stage.startAPI(queue.port, storage)
            try await Self.expectServed(api)
            #expect(await collector.terminate() == 0)
            let summary = try #require(collector.logged("finished"))
            #expect(summary["stored"] as? Int == 3 && summary["undecodable"] as? Int == 0)
        }
    }
}
