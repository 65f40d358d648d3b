import FaultSupport
import Foundation
import Testing

@Suite(
    "Collector and InfluxDB, killed again and again", .enabled(if: InfluxDB.isPresent, InfluxDB.absent),
    .timeLimit(.minutes(20)), .serialized)
struct CollectorCrashTests {
    /// Rows of some GPUs and metrics over time, and the points that they are.
    static func export(seconds: Int) -> (csv: String, points: [String: Double]) {
        let metrics = ["DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_POWER_USAGE"]
        var csv = BadInputTests.header
        var points: [String: Double] = [:]
        for second in 0..<seconds {
            let time = 1_752_871_354 + second
            let text = Date(timeIntervalSince1970: TimeInterval(time)).ISO8601Format()
            for metric in metrics {
                for gpu in 0..<20 {
                    let value = Double(second * 7 + gpu) / 8
                    csv += "\(text),\(metric),\(gpu),nvidia\(gpu),GPU-\(gpu),H100,node1,,,,\(value),\n"
                    points["\(metric) GPU-\(gpu) \(time)000000000"] = value
                }
            }
        }
        return (csv, points)
    }

    @Test(
        "kill -9 of both in mid run: the points in InfluxDB are those that were published, none lost, none changed",
        arguments: ["1", "4"])
    func bothKilled(writesAtOnce: String) async throws {
        let seed =
            ProcessInfo.processInfo.environment["FAULT_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...UInt64.max)
        let comment: Comment = "FAULT_SEED=\(seed)"
        var random = SeededRandom(seed: seed)
        let export = Self.export(seconds: 200)
        try await Stage.run { stage in
            let csv = try stage.write(export.csv, to: "export.csv")
            let queue = try await stage.startQueue(["MQ_DATA_DIR": stage.path("log")])
            var database = try await stage.startInfluxDB()
            let settings = [
                "BATCH_SIZE": "150", "FLUSH_INTERVAL": "20ms", "WRITES_AT_ONCE": writesAtOnce, "HTTP_HOST": "127.0.0.1",
                "HTTP_PORT": "0",
            ]
            var collector = try stage.startCollector(queue.port, influxDBPort: database.port, settings)
            let streamer = try stage.startStreamer(queue.port, csv: csv, ["BATCH_SIZE": "50", "RATE": "2000"])
            var kills = 0
            // On a slow machine, where few kills fit into the run, the last ones come as the collector reads on.
            while streamer.isRunning || kills < 3 {
                try await Task.sleep(for: .milliseconds(Int.random(in: 10...300, using: &random)))
                let which = Int.random(in: 0..<3, using: &random)
                // At the same moment, where both go.
                if which != 1 { collector.send(SIGKILL) }
                if which != 0 { database.process.send(SIGKILL) }
                if which != 0 {
                    _ = await database.process.ended()
                    database = try await stage.startInfluxDB(port: database.port)
                }
                if which != 1 {
                    _ = await collector.ended()
                    collector = try stage.startCollector(queue.port, influxDBPort: database.port, settings)
                }
                kills += 1
            }
            #expect(await streamer.ended() == 0)
            let port = try await stage.httpPort(collector)
            let last = collector
            try await eventuallyTrue("all points", within: .seconds(60), unless: last) {
                try await database.points().count >= export.points.count
            }
            try await eventuallyTrue("readiness", unless: last) { try await HTTP.get(port, "/ready").status == 200 }
            #expect(await last.terminate() == 0)
            #expect(try await database.points() == export.points, comment)
            // All was committed: nothing is read again.
            let again = try stage.startCollector(queue.port, influxDBPort: database.port, settings)
            let next = try await stage.httpPort(again)
            try await eventuallyTrue("connection to the queue", unless: again) {
                try await HTTP.get(next, "/ready").status == 200
            }
            #expect(await again.terminate() == 0)
            #expect(try #require(again.logged("finished"))["stored"] as? Int == 0, comment)
        }
    }

    @Test("a collector tells what it stores, refuses and waits for")
    func status() async throws {
        let export = Self.export(seconds: 5)
        try await Stage.run { stage in
            let csv = try stage.write(export.csv, to: "export.csv")
            let queue = try await stage.startQueue()
            // Another program has made the temperatures integers, before the collector comes.
            let earlier = try await stage.startInfluxDB()
            let influxPort = earlier.port
            _ = try await HTTP.request(influxPort, "POST", "/query?q=CREATE%20DATABASE%20gpu_telemetry")
            let line = Data("DCGM_FI_DEV_GPU_TEMP value=1i 1752871354000000000".utf8)
            #expect(try await HTTP.request(influxPort, "POST", "/write?db=gpu_telemetry", body: line).status == 204)
            #expect(await earlier.process.terminate() == 0)

            let file = stage.path("dead.jsonl")
            let collector = try stage.startCollector(
                queue.port, influxDBPort: influxPort,
                ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "DEAD_LETTER_FILE": file])
            let port = try await stage.httpPort(collector)
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled() == 0)
            let away = try await eventually("unreadiness", unless: collector) {
                let answer = try await HTTP.get(port, "/ready")
                return answer.status == 503 && answer.text.contains("takes no samples") ? answer.text : nil
            }
            #expect(away.contains(#""name":"queue","ready":true"#))
            #expect(try await PrometheusSamples(port)["collector_store_available"] == 0)
            #expect(try await HTTP.get(port, "/health").status == 200)

            let database = try await stage.startInfluxDB(port: influxPort)
            let metrics = try await eventually("stored samples", unless: collector) {
                let metrics = try await PrometheusSamples(port)
                return metrics["collector_samples_stored_total"] == 200 ? metrics : nil
            }
            #expect(
                metrics["collector_samples_refused_total"] == 100
                    && metrics["collector_samples_dead_lettered_total"] == 100)
            #expect(metrics["collector_store_available"] == 1 && metrics["collector_queue_connected"] == 1)
            #expect(try #require(metrics["collector_write_retries_total"]) > 0)
            #expect(metrics.undeclared.isEmpty)
            try await eventuallyTrue("lag", unless: collector) {
                try await PrometheusSamples(port)["collector_lag_messages"] == 0
            }
            #expect(try await HTTP.get(port, "/ready").status == 200)
            #expect(await collector.terminate() == 0)

            let finished = try #require(collector.logged("finished"))
            #expect(
                finished["stored"] as? Int == 200 && finished["refused"] as? Int == 100
                    && finished["dead_lettered"] as? Int == 100)
            #expect(try await HTTP.get(influxPort, "/ping").headers["x-influxdb-version"] != nil)
            let letters = try String(contentsOfFile: file, encoding: .utf8)
            #expect(letters.components(separatedBy: "\"metric_name\":\"DCGM_FI_DEV_GPU_TEMP\"").count == 101)
            #expect(letters.contains("field type conflict"))
            // What stands in InfluxDB is all but those, and the other program's point.
            let kept = export.points.filter { !$0.key.hasPrefix("DCGM_FI_DEV_GPU_TEMP") }
            #expect(try await database.points().filter { !$0.key.hasPrefix("DCGM_FI_DEV_GPU_TEMP") } == kept)
        }
    }

    @Test("a collector whose id another takes ends, also while its database is away")
    func superseded() async throws {
        try await Stage.run { stage in
            let csv = try stage.write(Self.export(seconds: 5).csv, to: "export.csv")
            let queue = try await stage.startQueue()
            let nowhere = try freePort()
            let settings = ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0", "DRAIN_TIMEOUT": "100ms", "BATCH_SIZE": "10"]
            let first = try stage.startCollector(queue.port, influxDBPort: nowhere, settings)
            let port = try await stage.httpPort(first)
            #expect(try await HTTP.get(port, "/ready").text.contains("nothing written yet"))
            let streamer = try stage.startStreamer(queue.port, csv: csv, ["BATCH_SIZE": "1"])
            #expect(await streamer.endedOrKilled() == 0)
            try await eventuallyTrue("unreadiness", unless: first) {
                try await HTTP.get(port, "/ready").text.contains("takes no samples")
            }

            let second = try stage.startCollector(queue.port, influxDBPort: nowhere, settings)
            #expect(await first.endedOrKilled() == 1)
            let message = try #require(first.logged("collector cannot go on"))
            #expect("\(message)".contains("another subscriber has the id collector"))
            #expect(second.isRunning)
            _ = await second.terminate()
        }
    }

    @Test("in the wide schema the points are the same, and the api answers from them")
    func wide() async throws {
        let export = Self.export(seconds: 4)
        try await Stage.run { stage in
            let csv = try stage.write(export.csv, to: "export.csv")
            let queue = try await stage.startQueue()
            let database = try await stage.startInfluxDB()
            let collector = try stage.startCollector(queue.port, influxDBPort: database.port, ["SCHEMA": "wide"])
            let api = try await stage.startAPI(
                queue.port,
                ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(database.port)", "SCHEMA": "wide"])
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled() == 0)
            try await REST.awaitSamples(240, api)
            let samples = try await REST.all(
                REST.Sample.self, api.port, "/api/v1/gpus/GPU-3/telemetry?metric_name=DCGM_FI_DEV_GPU_TEMP")
            #expect(samples.map(\.value) == [0.375, 1.25, 2.125, 3])
            #expect(try await database.value("SELECT count(\"DCGM_FI_DEV_GPU_UTIL\") FROM gpu", column: "count") == 80)
            #expect(await collector.terminate() == 0)
        }
    }
}
