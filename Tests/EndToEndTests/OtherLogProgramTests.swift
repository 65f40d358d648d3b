import FaultSupport
import Foundation
import Testing

@Suite("Programs whose queue comes back with another log", .timeLimit(.minutes(20)))
struct OtherLogProgramTests {
    /// 100 samples for each second: one of each of 100 GPUs.
    private func export(_ seconds: Range<Int>) -> String {
        var csv = BadInputTests.header
        for second in seconds {
            let time = Date(timeIntervalSince1970: TimeInterval(1_752_871_354 + second)).ISO8601Format()
            for gpu in 0..<100 {
                csv +=
                    "\(time),DCGM_FI_DEV_GPU_UTIL,\(gpu),nvidia\(gpu),GPU-\(gpu),H100,node1,,,,\(Double(second) / 8),\n"
            }
        }
        return csv
    }

    /// One message a second of data.
    private func publish(_ seconds: Range<Int>, _ port: Int, _ stage: Stage) async throws {
        let csv = try stage.write(export(seconds), to: "\(seconds.lowerBound).csv")
        let streamer = try stage.startStreamer(port, csv: csv, ["BATCH_SIZE": "100", "STREAM_INTERVAL": "60s"])
        #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
        let summary = try #require(streamer.logged("finished"))
        #expect(summary["published"] as? Int == seconds.count * 100 && summary["messages"] as? Int == seconds.count)
    }

    /// Cuts the log before that message, as a power loss may that took pages of the file.
    private func cut(_ directory: String, before offset: Int) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        let segment = URL(filePath: directory + "/" + (names.filter { $0.hasSuffix(".log") }.max() ?? ""))
        let bytes = try Data(contentsOf: segment)
        let head = "....{\"type\":\"message\","
        let at =
            try #require(bytes.firstRange(of: Data("\"message_id\":\"\(offset)\",".utf8))).lowerBound - head.utf8.count
        try bytes[..<at].write(to: segment)
        for name in names where name.hasSuffix(".index") {
            try FileManager.default.removeItem(atPath: directory + "/" + name)
        }
    }

    private func logIDs(_ process: ChildProcess) throws -> (old: String, new: String) {
        let line = try #require(process.logged("the queue has another log"))
        #expect(line["level"] as? String == "warning")
        return (try #require(line["old_log"] as? String), try #require(line["new_log"] as? String))
    }

    @Test(
        "an api with STORAGE=memory has every sample of both logs, and reports the change everywhere",
        arguments: ["memory", "backup", "tail"])
    func api(how: String) async throws {
        try await Stage.run { stage in
            let directory = stage.path("log")
            var settings = ["TCP_PORT": "\(try freePort())"]
            if how != "memory" { settings["MQ_DATA_DIR"] = directory }
            var queue = try await stage.startQueue(settings)
            let api = try await stage.startAPI(queue.port)
            try await publish(0..<5, queue.port, stage)
            var expected = 500
            try await REST.awaitSamples(expected, api)
            if how == "backup" {
                #expect(await queue.process.terminate() == 0)
                try FileManager.default.copyItem(atPath: directory, toPath: stage.path("backup"))
                queue = try await stage.startQueue(settings)
                try await publish(5..<10, queue.port, stage)
                expected = 1000
                try await REST.awaitSamples(expected, api)
            }
            // The api does not see the queue come back before it has more than the api has read.
            api.process.send(SIGSTOP)
            #expect(await queue.process.terminate() == 0)
            switch how {
            case "backup":
                try FileManager.default.removeItem(atPath: directory)
                try FileManager.default.copyItem(atPath: stage.path("backup"), toPath: directory)
            case "tail": try cut(directory, before: 2)
            default: break
            }
            queue = try await stage.startQueue(settings)
            try await publish(20..<35, queue.port, stage)
            api.process.send(SIGCONT)
            expected += 1500
            try await REST.awaitSamples(expected, api)

            let ids = try logIDs(api.process)
            #expect(ids.old.count == 32 && ids.new.count == 32 && (ids.old != ids.new) == (how == "memory"))
            let metrics = try await PrometheusSamples(api.port)
            #expect(
                metrics["telemetry_feed_log_resets_total"] == 1 && metrics["telemetry_feed_skipped_messages_total"] == 0
            )
            try await eventuallyTrue("readiness", unless: api.process) {
                let ready = try await HTTP.get(api.port, "/ready")
                return ready.status == 200 && ready.text.contains("read 1 other log than before")
                    && ready.text.contains(ids.new)
            }
            let statistics = try await HTTP.get(api.port, "/api/v1/stats").text
            #expect(statistics.contains(#""log_resets":1,"last_log_reset":""#) && statistics.contains(ids.new))
            try await eventuallyTrue("no lag", unless: api.process) {
                try await PrometheusSamples(api.port)["telemetry_feed_lag_messages"] == 0
            }
            #expect(await api.process.terminate() == 0)
        }
    }

    @Test("a streamer that goes on reports that what it had delivered is gone with the older log")
    func streamer() async throws {
        try await Stage.run { stage in
            let csv = try stage.write(export(0..<5), to: "export.csv")
            let settings = ["TCP_PORT": "\(try freePort())"]
            let first = try await stage.startQueue(settings)
            let streamer = try stage.startStreamer(
                first.port, csv: csv,
                [
                    "LOOP": "true", "TIMESTAMPS": "now", "RATE": "2000", "STREAM_INTERVAL": "50ms",
                    "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0",
                ])
            let port = try await stage.httpPort(streamer)
            try await eventuallyTrue("samples", unless: streamer) {
                try await PrometheusSamples(port)["streamer_rows_published_total"] ?? 0 > 0
            }
            #expect(try await PrometheusSamples(port)["streamer_log_changes_total"] == 0)
            #expect(await first.process.terminate() == 0)
            _ = try await stage.startQueue(settings)
            try await eventuallyTrue("the change", unless: streamer) {
                try await PrometheusSamples(port)["streamer_log_changes_total"] == 1
            }
            let ids = try logIDs(streamer)
            #expect(ids.old != ids.new)
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test(
        "a collector stores every sample of both logs, and commits to the log that is there",
        .enabled(if: InfluxDB.isPresent, InfluxDB.absent))
    func collector() async throws {
        try await Stage.run { stage in
            let settings = ["TCP_PORT": "\(try freePort())"]
            var queue = try await stage.startQueue(settings)
            let database = try await stage.startInfluxDB()
            let status = ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0"]
            let collector = try stage.startCollector(queue.port, influxDBPort: database.port, status)
            let port = try await stage.httpPort(collector)
            func stored(_ count: Double) async throws {
                try await eventuallyTrue("\(count) samples in the database", unless: collector) {
                    try await PrometheusSamples(port)["collector_samples_stored_total"] == count
                }
            }
            try await publish(0..<5, queue.port, stage)
            try await stored(500)
            collector.send(SIGSTOP)
            #expect(await queue.process.terminate() == 0)
            queue = try await stage.startQueue(settings)
            try await publish(20..<35, queue.port, stage)
            collector.send(SIGCONT)
            try await stored(2000)
            #expect(try await database.points().count == 2000)
            let ids = try logIDs(collector)
            #expect(ids.old != ids.new)
            #expect(try await PrometheusSamples(port)["collector_log_resets_total"] == 1)
            try await eventuallyTrue("readiness", unless: collector) {
                let ready = try await HTTP.get(port, "/ready")
                return ready.status == 200 && ready.text.contains("read 1 other log than before")
            }
            #expect(await collector.terminate() == 0)
            // All of the newer log is committed: the next one reads nothing again.
            let again = try stage.startCollector(queue.port, influxDBPort: database.port, status)
            let next = try await stage.httpPort(again)
            try await eventuallyTrue("connection to the queue", unless: again) {
                try await HTTP.get(next, "/ready").status == 200
            }
            #expect(await again.terminate() == 0)
            #expect(try #require(again.logged("finished"))["stored"] as? Int == 0)
        }
    }

    /// With fewer, and with a few more, libdispatch ends the process.
    @Test("a program for whose client no descriptor is left ends with an error that says so", arguments: 7...9)
    func noDescriptors(limit: Int) async throws {
        try await Stage.run { stage in
            let csv = try stage.write(export(0..<1), to: "export.csv")
            let program = try stage.start(
                .streamer, ["SOURCE": csv, "LOOP": "false", "MQ_HOST": "127.0.0.1", "MQ_PORT": "1"],
                under: ["/usr/bin/env", "prlimit", "--nofile=\(limit):\(limit)"])
            #expect(await program.endedOrKilled() == 1, "\(program.errors.suffix(300))")
            let line = try #require(program.logged("streamer cannot go on"))
            #expect("\(line)".contains("Too many open files"))
        }
    }
}
