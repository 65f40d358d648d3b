import FaultSupport
import Foundation
import Testing

@Suite(
    "The real export, from the file to the REST answer", .enabled(if: RealExport.isPresent, RealExport.absent),
    .serialized)
struct PipelineTests {
    let export: RealExport
    let csv: String

    init() throws {
        export = try #require(RealExport.shared)
        csv = try #require(RealExport.path)
        #expect(export.rows.count == 2470 && export.uuids.count == 247 && export.metrics.count == 10)
    }

    @Test("247 GPUs, 10 metrics and 2,470 samples arrive with exact values", arguments: ["columnar", "plain"])
    func whole(format: String) async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let streamer = try stage.startStreamer(queue.port, csv: csv, ["BATCH_FORMAT": format, "BATCH_SIZE": "300"])
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["rows"] as? Int == 2470)
            #expect(summary["rejected_rows"] as? Int == 0)
            #expect(summary["published"] as? Int == 2470)
            #expect(summary["undelivered"] as? Int == 0)
            try await REST.awaitSamples(2470, api)
            try await REST.expectWhole(export, api.port)
        }
    }

    @Test("a streamer that starts before the queue delivers once the queue is there")
    func streamerFirst() async throws {
        try await Stage.run { stage in
            let port = try freePort()
            let streamer = try stage.startStreamer(port, csv: csv)
            try await eventuallyTrue("complaint about the queue", unless: streamer) {
                streamer.logged("queue lost") != nil
            }
            let queue = try await stage.startQueue(["TCP_PORT": "\(port)"])
            let api = try await stage.startAPI(queue.port)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await REST.awaitSamples(2470, api)
        }
    }

    @Test("an api that is started again reads the log again")
    func apiRestarts() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let first = try await stage.startAPI(queue.port)
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await REST.awaitSamples(2470, first)
            #expect(await first.process.terminate() == 0)
            let second = try await stage.startAPI(queue.port)
            try await REST.awaitSamples(2470, second)
            try await REST.expectWhole(export, second.port)
        }
    }

    @Test("a queue that is killed in mid run and started again loses nothing and repeats nothing")
    func queueKilled() async throws {
        try await Stage.run { stage in
            let port = try freePort()
            let environment = ["TCP_PORT": "\(port)", "MQ_DATA_DIR": stage.path("log"), "MQ_SYNC": "never"]
            let first = try await stage.startQueue(environment)
            let api = try await stage.startAPI(port)
            // 60 rows a message, some 40 messages over about a second and a half.
            let streamer = try stage.startStreamer(port, csv: csv, ["BATCH_SIZE": "60", "RATE": "1600"])
            try await eventuallyTrue("a part of the export", unless: streamer) {
                try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count >= 600
            }
            first.process.send(SIGKILL)
            #expect(await first.process.ended() == 128 + SIGKILL)
            let second = try await stage.startQueue(environment)
            #expect((second.process.logged("listening")?["messages"] as? Int ?? 0) >= 10)

            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await REST.awaitSamples(2470, api)
            try await REST.expectWhole(export, api.port)
            struct QueueStatistics: Decodable { var total_messages: Int }
            // A batch may be closed early by its interval; a message that is sent twice is stored once.
            let published = try #require(streamer.logged("finished")?["messages"] as? Int)
            #expect(published >= 42)  // 2,470 rows, 60 a message
            #expect(try await HTTP.json(QueueStatistics.self, second.httpPort, "/stats").total_messages == published)
        }
    }

    @Test("SIGTERM lets a streamer deliver what it has collected, and the others end in order")
    func drains() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let streamer = try stage.startStreamer(
                queue.port, csv: csv, ["LOOP": "true", "TIMESTAMPS": "now", "RATE": "5000", "STREAM_INTERVAL": "300ms"])
            try await eventuallyTrue("samples", unless: streamer) {
                try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count > 0
            }
            #expect(await streamer.terminate() == 0)
            let summary = try #require(streamer.logged("finished"))
            let rows = try #require(summary["rows"] as? Int)
            #expect(summary["published"] as? Int == rows)
            #expect(summary["undelivered"] as? Int == 0)
            try await REST.awaitSamples(rows, api)
            #expect(await api.process.terminate() == 0)
            #expect(await queue.process.terminate() == 0)
        }
    }

    @Test("a streamer that is ended while the queue is away counts what it could not deliver, and fails")
    func undelivered() async throws {
        try await Stage.run { stage in
            let streamer = try stage.startStreamer(try freePort(), csv: csv, ["DRAIN_TIMEOUT": "200ms"])
            try await eventuallyTrue("complaint about the queue", unless: streamer) {
                streamer.logged("queue lost") != nil
            }
            #expect(await streamer.terminate() == 1)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["published"] as? Int == 0)
            #expect(summary["undelivered"] as? Int == summary["rows"] as? Int)
            #expect(streamer.logged.count { ($0["message"] as? String)?.hasPrefix("queue lost") == true } == 1)
        }
    }
}
