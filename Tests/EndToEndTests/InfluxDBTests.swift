import FaultSupport
import Foundation
import Testing

@Suite(
    "The real export, through collectors into InfluxDB, to the REST answer",
    .enabled(if: RealExport.isPresent, RealExport.absent), .enabled(if: InfluxDB.isPresent, InfluxDB.absent),
    .serialized)
struct InfluxDBTests {
    let export: RealExport
    let csv: String

    init() throws {
        export = try #require(RealExport.shared)
        csv = try #require(RealExport.path)
    }

    @Test("247 GPUs, 10 metrics and 2,470 samples arrive with exact values")
    func whole() async throws {
        try await Stage.run { stage in
            let database = try await stage.startInfluxDB()
            let storage = ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(database.port)"]
            try await stage.expectExport(export, csv: csv, through: storage)
        }
    }

    @Test("two collectors with a share each store every sample once")
    func shards() async throws {
        try await Stage.run { stage in
            let database = try await stage.startInfluxDB()
            let queue = try await stage.startQueue()
            let one = try stage.startCollector(queue.port, influxDBPort: database.port, ["SHARD": "1/2"])
            let two = try stage.startCollector(queue.port, influxDBPort: database.port, ["SHARD": "2/2"])
            let api = try await stage.startAPI(
                queue.port, ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(database.port)"])
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await REST.awaitSamples(2470, api)
            try await REST.expectWhole(export, api.port)
            #expect(await one.terminate() == 0)
            #expect(await two.terminate() == 0)
            let first = try #require(one.logged("finished")?["stored"] as? Int)
            let second = try #require(two.logged("finished")?["stored"] as? Int)
            #expect(first > 0 && second > 0 && first + second == 2470)
        }
    }

    @Test("a collector that is killed goes on from the position that it committed, and nothing is lost")
    func collectorKilled() async throws {
        try await Stage.run { stage in
            let database = try await stage.startInfluxDB()
            let queue = try await stage.startQueue(["MQ_DATA_DIR": stage.path("log")])
            let first = try stage.startCollector(queue.port, influxDBPort: database.port)
            let api = try await stage.startAPI(
                queue.port, ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(database.port)"])
            let streamer = try stage.startStreamer(queue.port, csv: csv, ["BATCH_SIZE": "60", "RATE": "1600"])
            try await eventuallyTrue("a part of the export", unless: streamer) {
                try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count >= 600
            }
            first.send(SIGKILL)
            _ = await first.ended()
            let second = try stage.startCollector(queue.port, influxDBPort: database.port)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await REST.awaitSamples(2470, api)
            try await REST.expectWhole(export, api.port)
            #expect(await second.terminate() == 0)
            #expect(try #require(second.logged("finished")?["stored"] as? Int) < 2470)
        }
    }

    @Test("while the database is away a collector waits, and stores everything once it is back")
    func databaseAway() async throws {
        try await Stage.run { stage in
            let port = try freePort()
            let queue = try await stage.startQueue()
            let collector = try stage.startCollector(queue.port, influxDBPort: port)
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await eventuallyTrue("complaint about the database", unless: collector) {
                collector.logged("database lost") != nil
            }
            let database = try await stage.startInfluxDB(port: port)
            let api = try await stage.startAPI(
                queue.port, ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(port)"])
            try await REST.awaitSamples(2470, api)
            #expect(await collector.terminate() == 0)
            #expect(collector.logged.count { ($0["message"] as? String)?.hasPrefix("database lost") == true } == 1)
            _ = database
        }
    }
}
