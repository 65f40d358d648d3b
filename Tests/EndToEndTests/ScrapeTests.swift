import FaultSupport
import Foundation
import Testing

@Suite("An exporter's text, from the scrape to the REST answer")
struct ScrapeTests {
    /// What an exporter of two GPUs may say beside temperature and power: two samples, and nothing else that is one.
    static func more(_ exporter: ScrapeExporter) -> String {
        #"""
        # HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz), "quoted", \\ and\nin two lines.
        # TYPE DCGM_FI_DEV_SM_CLOCK gauge
        DCGM_FI_DEV_SM_CLOCK{\#(exporter.labels(0))} 1980000000
        DCGM_FI_DEV_SM_CLOCK{\#(exporter.labels(1))} 9223372036854775794
        DCGM_FI_DEV_GPU_UTIL{\#(exporter.labels(0)),note="C:\\a \"b\"\nc, d}=é"} 97 1752871354123
        DCGM_FI_DEV_GPU_UTIL{\#(exporter.labels(1))} NaN
        DCGM_FI_DEV_FB_USED{\#(exporter.labels(0))} much
        # HELP go_goroutines Number of goroutines that currently exist.
        # TYPE go_goroutines gauge
        go_goroutines 12

        """#
    }

    @Test(
        "values arrive exactly, whatever the exporter's spelling; what is no value is absent; both are counted",
        arguments: [
            (ScrapeExporter.Spelling.oldNamespace, "now", "plain"), (.hostnameInCapitals, "source", "columnar"),
            (.current, "now", "columnar"), (.renamedFields, "source", "plain"),
        ])
    func values(spelling: ScrapeExporter.Spelling, timestamps: String, format: String) async throws {
        try await Stage.run { stage in
            var text = ScrapeExporter(spelling: spelling)
            text.more = Self.more(text)
            let exporter = try await stage.startExporter(text.text)
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            // The only scrape is the first.
            let streamer = try stage.startScraper(
                queue.port, exporter.url, every: "1h",
                ["TIMESTAMPS": timestamps, "BATCH_FORMAT": format, "HOST_FILTER": "dgx-*"])
            try await REST.awaitSamples(6, api)

            let gpus = try await REST.all(REST.GPU.self, api.port, "/api/v1/gpus").sorted { $0.gpu_id < $1.gpu_id }
            #expect(gpus.map(\.uuid) == ScrapeExporter.uuids && gpus.map(\.gpu_id) == ["0", "1"])
            #expect(gpus.allSatisfy { $0.hostname == "dgx-031" && $0.model_name == "NVIDIA H100 80GB HBM3" })
            #expect(gpus.map(\.device) == ["nvidia0", "nvidia1"])
            var samples: [[REST.Sample]] = []
            for uuid in ScrapeExporter.uuids {
                samples.append(try await REST.all(REST.Sample.self, api.port, "/api/v1/gpus/\(uuid)/telemetry"))
            }
            func values(_ gpu: Int) -> [String: Double] {
                Dictionary(uniqueKeysWithValues: samples[gpu].map { ($0.metric_name, $0.value) })
            }
            #expect(
                values(0) == [
                    text.temperatureName: 36, text.powerName: 112.304, "DCGM_FI_DEV_SM_CLOCK": 1_980_000_000,
                    "DCGM_FI_DEV_GPU_UTIL": 97,
                ])
            #expect(values(1) == [text.temperatureName: 41, text.powerName: 687.921])
            let timed = try #require(samples[0].first { $0.metric_name == "DCGM_FI_DEV_GPU_UTIL" })
            #expect(
                timed.labels["note"] == "C:\\a \"b\"\nc, d}=é" && timed.labels["DCGM_FI_DRIVER_VERSION"] == "550.144.03"
            )
            // The line's time, or that of the scrape for all.
            let others = Set(samples.joined().filter { $0.metric_name != timed.metric_name }.map(\.timestamp))
            #expect(others.count == 1)
            #expect(
                timestamps == "source" ? timed.timestamp == "2025-07-18T20:42:34.123Z" : others == [timed.timestamp])

            let metrics = try await PrometheusSamples(try await stage.httpPort(streamer))
            #expect(metrics.undeclared.isEmpty)
            #expect(metrics["streamer_rows_read_total"] == 6 && metrics["streamer_rows_published_total"] == 6)
            #expect(metrics["streamer_no_value_rows_total", ["reason": "not_supported"]] == 1)
            #expect(metrics["streamer_no_value_rows_total", ["reason": "not_finite"]] == 1)
            #expect(metrics["streamer_out_of_range_samples_total", ["metric": "DCGM_FI_DEV_SM_CLOCK"]] == 1)
            #expect(metrics["streamer_rejected_rows_total", ["reason": "not_a_number"]] == 1)
            #expect(metrics["streamer_samples_without_gpu_total"] == 1)
            #expect(
                metrics["streamer_scrapes_total", ["result": "ok"]] == 1
                    && metrics["streamer_scrapes_total", ["result": "failed"]] == 0)
            // A series without a value is there all the same.
            #expect(metrics["streamer_live_series"] == 8 && metrics["streamer_stale_series"] == 0)

            #expect(await streamer.terminate() == 0)
            let summary = try #require(streamer.logged("finished"))
            for (name, count) in [
                "rows": 6, "published": 6, "undelivered": 0, "rejected_rows": 1, "rejected_not_a_number": 1,
                "no_value_rows": 2,
                "no_value_not_supported": 1, "no_value_not_finite": 1, "out_of_range": 1, "without_gpu": 1,
                "scrapes": 1, "scrapes_failed": 0,
            ] { #expect(summary[name] as? Int == count, "\(name)") }
            let statistics = try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats")
            #expect(summary["digest"] as? String == statistics.queue?.digest)
            let bad = try #require(streamer.logged("rejected row")?["at"] as? String)
            #expect(
                bad.hasPrefix("\(exporter.url):15, byte ")
                    && streamer.errors.contains("DCGM_FI_DEV_SM_CLOCK is 1980000000, not "))
        }
    }

    @Test("an exporter that ends and comes back is logged once each, and /ready says so; samples go on, none is lost")
    func exporterReturns() async throws {
        try await Stage.run { stage in
            let first = try await stage.startExporter(ScrapeExporter().text)
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let streamer = try stage.startScraper(queue.port, first.url)
            let port = try await stage.httpPort(streamer)
            try await eventuallyTrue("readiness", unless: streamer) { try await HTTP.get(port, "/ready").status == 200 }
            #expect(await first.process.terminate() == 0)
            let away = try await eventually("the loss in /ready", unless: streamer) {
                let answer = try await HTTP.get(port, "/ready")
                return answer.status == 503 ? answer.text : nil
            }
            #expect(away.contains(#""name":"source","ready":false"#) && away.contains(first.url))
            #expect(away.contains(#""name":"queue","ready":true"#))
            #expect(try await HTTP.get(port, "/health").status == 200)
            func failures() async throws -> Double {
                try await HTTP.metric(port, #"streamer_scrapes_total{result="failed"}"#) ?? 0
            }
            let atFirst = try await failures()
            try await eventuallyTrue("further failures", unless: streamer) { try await failures() >= atFirst + 2 }

            let before = try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count
            _ = try await stage.startExporter(port: first.page.port)
            try await eventuallyTrue("more samples", unless: streamer) {
                try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").sample_count > before
            }
            try await eventuallyTrue("readiness", unless: streamer) { try await HTTP.get(port, "/ready").status == 200 }
            #expect(await streamer.terminate() == 0)
            func count(_ message: String) -> Int { streamer.logged.count { ($0["message"] as? String) == message } }
            // Nobody knows what an exporter that is away would say.
            #expect(count("series vanished") == 0 && count("series returned") == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["undelivered"] as? Int == 0)
            // Three failures in a row are one loss. On a busy machine others may have failed, before and after.
            let failed = try #require(summary["scrapes_failed"] as? Int)
            #expect(failed >= 3 && count("exporter lost") <= failed - 2)
            #expect(0...1 ~= count("exporter lost") - count("exporter connected") && count("exporter connected") >= 1)
            try await REST.awaitSamples(try #require(summary["published"] as? Int), api)
            #expect(
                summary["digest"] as? String
                    == (try await HTTP.json(REST.Statistics.self, api.port, "/api/v1/stats").queue?.digest))
        }
    }

    enum Absence: CaseIterable { case refused, noPage, html }

    @Test(
        "an exporter that is not there at the start, or not ready, is named and tried again",
        arguments: Absence.allCases)
    func comesLate(absence: Absence) async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let port = try freePort()
            var exporter: Stage.Exporter?
            if absence != .refused {
                exporter = try await stage.startExporter(
                    absence == .html ? "<html>\n<body>\n</body>\n</html>\n" : nil, port: port)
            }
            let url = "http://127.0.0.1:\(port)/metrics"
            let streamer = try stage.startScraper(queue.port, url)
            let lost = try await eventually("complaint", unless: streamer) {
                streamer.logged("exporter lost")?["reason"] as? String
            }
            #expect(lost.hasPrefix(url))
            switch absence {
            case .refused: #expect(lost.contains("onnect"), "\(lost)")
            case .noPage: #expect(lost.contains("HTTP 404"), "\(lost)")
            case .html: #expect(lost.contains("not the Prometheus text format"), "\(lost)")
            }
            // Not a source that is read to its end without a row.
            #expect(streamer.isRunning)
            if let exporter {
                try exporter.page.serve(ScrapeExporter())
            } else {
                _ = try await stage.startExporter(ScrapeExporter().text, port: port)
            }
            try await eventuallyTrue("both GPUs", unless: streamer) {
                Set(try await REST.all(REST.GPU.self, api.port, "/api/v1/gpus").map(\.uuid))
                    == Set(ScrapeExporter.uuids)
            }
            #expect(streamer.logged("exporter connected")?["url"] as? String == url)
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test("a page without a GPU, or of other hosts alone, is told at the first scrape and not again")
    func nothing() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let exporter = try await stage.startExporter(ScrapeExporter().text)
            for (url, warning) in [
                ("http://127.0.0.1:\(queue.httpPort)/metrics", "no sample names a GPU"),
                (exporter.url, "no sample is of a host that HOST_FILTER names"),
            ] {
                let streamer = try stage.startScraper(queue.port, url, ["HOST_FILTER": "elsewhere*"])
                let port = try await stage.httpPort(streamer)
                try await eventuallyTrue("scrapes", unless: streamer) {
                    try await HTTP.metric(port, #"streamer_scrapes_total{result="ok"}"#) ?? 0 >= 3
                }
                #expect(await streamer.terminate() == 0)
                let warnings = streamer.logged.filter { ($0["message"] as? String)?.hasPrefix("no sample") == true }
                #expect(
                    warnings.count == 1 && warnings.first?["message"] as? String == warning
                        && warnings.first?["source"] as? String == url)
                #expect(warnings.first?["level"] as? String == "warning")
            }
        }
    }

    @Test("series that vanish are logged with their names and counted, and so is their return")
    func series() async throws {
        try await Stage.run { stage in
            let exporter = try await stage.startExporter(ScrapeExporter().text)
            let queue = try await stage.startQueue()
            let streamer = try stage.startScraper(queue.port, exporter.url)
            let port = try await stage.httpPort(streamer)
            func awaitSeries(live: Double, stale: Double) async throws {
                try await eventuallyTrue("\(live) live series, \(stale) stale", unless: streamer) {
                    let isLive = try await HTTP.metric(port, "streamer_live_series") == live
                    return try await HTTP.metric(port, "streamer_stale_series") == stale && isLive
                }
            }
            try await awaitSeries(live: 4, stale: 0)
            try exporter.page.serve(ScrapeExporter(temperatures: ["36"], power: ["112"]))
            try await awaitSeries(live: 2, stale: 2)
            let vanished = try #require(streamer.logged("series vanished"))
            #expect(vanished["count"] as? Int == 2 && vanished["url"] as? String == exporter.url)
            #expect(
                try #require(vanished["series"] as? String).contains(
                    "DCGM_FI_DEV_GPU_TEMP of \(ScrapeExporter.uuids[1]) on dgx-031"))
            #expect(streamer.logged("series returned") == nil)
            try exporter.page.serve(ScrapeExporter())
            try await awaitSeries(live: 4, stale: 0)
            #expect(streamer.logged("series returned")?["count"] as? Int == 2)
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test(
        "SIGTERM ends a scrape that hangs at once, and it is no failure",
        arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
    func hangs(answer: String) async throws {
        try await Stage.run { stage in
            let listener = try LoopbackListener()
            let streamer = try stage.startScraper(
                try await stage.startQueue().port, "http://127.0.0.1:\(listener.port)/metrics", every: "1h",
                ["SCRAPE_TIMEOUT": "1h", "DRAIN_TIMEOUT": "1h"])
            let peer = try listener.accept()
            try peer.sendBytes(Array(answer.utf8))
            #expect(await streamer.terminate() == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(
                summary["scrapes"] as? Int == 0 && summary["scrapes_failed"] as? Int == 0
                    && summary["level"] as? String == "info")
        }
    }

    @Test("the token is presented; a wrong one is named by its status; neither stands in a log")
    func token() async throws {
        try await Stage.run { stage in
            let exporter = try await stage.startExporter(ScrapeExporter().text, token: "the-right-one")
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let wrong = try stage.startScraper(queue.port, exporter.url, ["SCRAPE_TOKEN": "the-wrong-one"])
            let lost = try await eventually("complaint", unless: wrong) {
                wrong.logged("exporter lost")?["reason"] as? String
            }
            #expect(lost == "\(exporter.url): HTTP 401")
            #expect(await wrong.terminate() == 0)
            let right = try stage.startScraper(
                queue.port, exporter.url, every: "1h", ["SCRAPE_TOKEN": "the-right-one", "LOG_LEVEL": "debug"])
            try await REST.awaitSamples(4, api)
            #expect(await right.terminate() == 0)
            #expect(!right.errors.contains("the-right-one") && !wrong.errors.contains("the-wrong-one"))
        }
    }

    @Test("the password of a URL stands in no message")
    func password() async throws {
        try await Stage.run { stage in
            let port = try freePort()
            let streamer = try stage.startScraper(
                try await stage.startQueue().port, "http://prometheus:the-password@127.0.0.1:\(port)/metrics",
                ["LOG_LEVEL": "debug", "RATE": "5"])
            let status = try await stage.httpPort(streamer)
            try await eventuallyTrue("complaint", unless: streamer) { streamer.logged("exporter lost") != nil }
            let ready = try await HTTP.get(status, "/ready").text
            _ = try await stage.startExporter(ScrapeExporter().text, port: port)
            try await eventuallyTrue("recovery", unless: streamer) { streamer.logged("exporter connected") != nil }
            let readyAgain = try await HTTP.get(status, "/ready").text
            #expect(await streamer.terminate() == 0)
            for text in [ready, readyAgain, streamer.errors] {
                #expect(text.contains("http://127.0.0.1:\(port)/metrics") && !text.contains("the-password"), "\(text)")
            }
            #expect(streamer.errors.contains("RATE changes nothing for http://127.0.0.1:\(port)/metrics"))
        }
    }

    // MARK: Progress

    @Test("a line of progress tells series and failures, and no part of a whole, since there is none")
    func plainProgress() async throws {
        try await Stage.run { stage in
            let exporter = try await stage.startExporter(ScrapeExporter().text)
            let queue = try await stage.startQueue()
            let streamer = try stage.startScraper(
                queue.port, exporter.url, every: "50ms", ["PROGRESS_INTERVAL": "50ms"])
            let line = try await eventually("line of progress", unless: streamer) {
                streamer.logged.first { $0["message"] as? String == "progress" && ($0["published"] as? Int ?? 0) > 0 }
                    .map { "\($0)" }
            }
            #expect(
                line.contains("\"live_series\": 4") && line.contains("scrapes_failed")
                    && line.contains("rows_per_second"))
            #expect(!line.contains("percent") && !line.contains("seconds_left"))
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test("on a terminal the line has no per cent and no time left; what happens stands above it")
    func terminal() async throws {
        try await Stage.run { stage in
            let exporter = try await stage.startExporter(ScrapeExporter().text)
            let queue = try await stage.startQueue()
            let terminal = try PseudoTerminal(columns: 200)
            let streamer = try stage.startScraper(
                queue.port, exporter.url, ["LOG_FORMAT": "text"], terminal: terminal.path)
            try await eventuallyTrue("progress on the terminal", unless: streamer) {
                terminal.text.contains(
                    #/\r\x1B\[K\d+ rows published, \d+ rows/s, 4 series(, \d+ of \d+ scrapes failed)?\r/#)
            }
            try exporter.page.serveNothing()
            try await eventuallyTrue("failures on the terminal", unless: streamer) {
                terminal.text.contains(
                    #/\r\x1B\[K\d+ rows published, \d+ rows/s, 4 series, \d+ of \d+ scrapes failed\r/#)
            }
            #expect(await streamer.terminate() == 0)
            let text = terminal.text
            #expect(
                text.contains(
                    #/\r\x1B\[KWARNING +\S+ exporter lost reason="http:\S+/metrics: HTTP 404" failures=1\r\n/#))
            #expect(!text.contains(" %") && !text.contains(" left"))
        }
    }
}
