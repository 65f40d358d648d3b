import FaultSupport
import Foundation
import Testing

@Suite(
    "The real export, through collectors into VictoriaMetrics, to the REST answer",
    .enabled(if: RealExport.isPresent, RealExport.absent),
    .enabled(if: VictoriaMetrics.isPresent, VictoriaMetrics.absent), .serialized)
struct VictoriaMetricsTests {
    let export: RealExport
    let csv: String

    init() throws {
        export = try #require(RealExport.shared)
        csv = try #require(RealExport.path)
    }

    @Test("247 GPUs, 10 metrics and 2,470 samples arrive with exact values")
    func whole() async throws {
        try await Stage.run { stage in
            let database = try await stage.startVictoriaMetrics()
            try await stage.expectExport(
                export, csv: csv, through: ["STORAGE": "victoriametrics", "VICTORIAMETRICS_URL": database.url])
        }
    }

    @Test("a collector that is killed goes on from its position, and what it stores twice is answered once")
    func collectorKilled() async throws {
        try await Stage.run { stage in
            let database = try await stage.startVictoriaMetrics()
            let storage = ["STORAGE": "victoriametrics", "VICTORIAMETRICS_URL": database.url]
            let queue = try await stage.startQueue(["MQ_DATA_DIR": stage.path("log")])
            let first = try stage.startCollector(queue.port, storage)
            let api = try await stage.startAPI(queue.port, storage)
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await REST.awaitSamples(2470, api)
            first.send(SIGKILL)
            _ = await first.ended()
            // All of it once more, as after a position that was not committed.
            let second = try stage.startCollector(
                queue.port, storage.merging(["COLLECTOR_ID": "again", "OFFSET": "earliest"]) { $1 })
            try await eventuallyTrue("all samples in the database twice", unless: second) {
                _ = try await HTTP.get(database.port, "/internal/force_flush")
                let rows = try await HTTP.get(database.port, "/metrics").text.split(separator: "\n")
                return rows.contains {
                    $0.hasPrefix("vm_rows_inserted_total{type=\"vmimport\"}") && $0.hasSuffix(" 4940")
                }
            }
            try await REST.expectWhole(export, api.port)
            #expect(try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count == 2470)
            #expect(await second.terminate() == 0)
        }
    }

    @Test("the write and the read URL of a cluster reach their own sides")
    func sides() async throws {
        try await Stage.run { stage in
            let database = try await stage.startVictoriaMetrics()
            let queue = try await stage.startQueue()
            // The side that a program does not need leads nowhere.
            let nowhere = "http://127.0.0.1:\(try freePort())"
            let collector = try stage.startCollector(
                queue.port,
                [
                    "STORAGE": "victoriametrics", "VICTORIAMETRICS_URL": nowhere,
                    "VICTORIAMETRICS_WRITE_URL": database.url,
                ])
            let api = try await stage.startAPI(
                queue.port,
                [
                    "STORAGE": "victoriametrics", "VICTORIAMETRICS_URL": nowhere,
                    "VICTORIAMETRICS_READ_URL": database.url,
                ])
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            try await REST.awaitSamples(2470, api)
            #expect(await collector.terminate() == 0)
        }
    }
}
