import FaultSupport
import Foundation
import Testing

@Suite("What a streamer tells while it runs")
struct StreamerStatusTests {
    static let served = ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0"]

    @Test("/metrics counts malformed rows by reason while the source is read, in a form that Prometheus reads")
    func metrics() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let pipe = try PipeEnds()
            let streamer = try stage.startStreamer(
                queue.port, csv: "-", ["HOST_FILTER": "node*"].merging(Self.served) { $1 }, input: pipe.reading)
            let port = try await stage.httpPort(streamer)
            let other = BadInputTests.row("1", gpu: 3).replacing("node1", with: "other")
            pipe.write(
                BadInputTests.header + SourceTests.rows(1...2) + "short\nstray\"\n2025-07-18T20:42:34Z,DCGM\n" + other)
            let metrics = try await eventually("published rows", unless: streamer) {
                let metrics = try await PrometheusSamples(port)
                return metrics["streamer_rows_published_total"] == 2 ? metrics : nil
            }
            #expect(metrics["streamer_rows_read_total"] == 3 && metrics["streamer_rows_selected_total"] == 2)
            #expect(metrics["streamer_messages_published_total"] == 1)
            #expect(metrics["streamer_rejected_rows_total", ["reason": "wrong_number_of_fields"]] == 2)
            #expect(metrics["streamer_rejected_rows_total", ["reason": "stray_quote"]] == 1)
            #expect(metrics["streamer_queue_connected"] == 1 && metrics["streamer_waiting_batches"] == 0)
            #expect(metrics["streamer_passes_total"] == 0 && metrics["streamer_pass_bytes"] == 0)
            #expect(metrics.undeclared.isEmpty)
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test("the other servers' /metrics are read by Prometheus too, with any subscriber id as a label")
    func otherMetrics() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let peer = try RawPeer(port: queue.port)
            let id = "a\\b\"c\nd\u{1}é"
            let request = try JSONSerialization.data(withJSONObject: [
                "type": "subscribe", "subscriber_id": id, "offset": -2,
            ])
            try peer.send(String(decoding: request, as: UTF8.self))
            try await eventuallyTrue("the subscriber", unless: queue.process) {
                try await PrometheusSamples(queue.httpPort)["telemetry_mq_subscriber_lag", ["subscriber": id]] == 0
            }
            #expect(try await PrometheusSamples(queue.httpPort).undeclared.isEmpty)
            let metrics = try await PrometheusSamples(api.port)
            #expect(
                metrics.undeclared.isEmpty && metrics["gateway_store_up"] == 1
                    && metrics["telemetry_feed_messages_total"] == 0)
        }
    }

    @Test("/health answers, and /ready says whether the queue is there")
    func readiness() async throws {
        try await Stage.run { stage in
            let pipe = try PipeEnds()
            let queuePort = try freePort()
            let streamer = try stage.startStreamer(queuePort, csv: "-", Self.served, input: pipe.reading)
            let port = try await stage.httpPort(streamer)
            #expect(try await HTTP.get(port, "/health").text == #"{"status":"ok"}"#)
            let before = try await HTTP.get(port, "/ready")
            #expect(before.status == 503 && before.text.contains("not connected to 127.0.0.1:\(queuePort)"))
            #expect(try await HTTP.get(port, "/nowhere").status == 404)
            #expect(try await HTTP.request(port, "DELETE", "/health").status == 405)
            // Though there is nothing to publish yet.
            _ = try await stage.startQueue(["TCP_PORT": "\(queuePort)"])
            try await eventuallyTrue("readiness", unless: streamer) { try await HTTP.get(port, "/ready").status == 200 }
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test("a port that is in use is named, and without one nothing is served")
    func ports() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let csv = try stage.write(BadInputTests.header + SourceTests.rows(1...1), to: "a.csv")
            let taken = try stage.startStreamer(
                queue.port, csv: csv, ["HTTP_HOST": "127.0.0.1", "HTTP_PORT": "\(queue.httpPort)"])
            #expect(await taken.endedOrKilled() == 1)
            #expect(taken.errors.contains("127.0.0.1:\(queue.httpPort)") && taken.errors.contains("in use"))
            let silent = try stage.startStreamer(queue.port, csv: csv)
            #expect(await silent.endedOrKilled() == 0)
            #expect(silent.logged("listening") == nil)
        }
    }

    /// Of which some seconds are left when a test has seen enough.
    static func slowStreamer(_ stage: Stage, _ environment: [String: String], terminal: String? = nil) async throws
        -> ChildProcess
    {
        let queue = try await stage.startQueue()
        let csv = try stage.write(BadInputTests.header + "broken\n" + SourceTests.rows(1...20_000), to: "a.csv")
        return try stage.startStreamer(
            queue.port, csv: csv, ["RATE": "1000"].merging(environment) { $1 }, terminal: terminal)
    }

    @Test("progress is plain lines where there is no terminal, with the part that is read and the time left")
    func plainProgress() async throws {
        try await Stage.run { stage in
            let streamer = try await Self.slowStreamer(stage, ["PROGRESS_INTERVAL": "100ms"])
            let line = try await eventually("line of progress", unless: streamer) {
                streamer.logged.first { $0["message"] as? String == "progress" && ($0["percent"] as? Int ?? 0) >= 2 }
                    .map { "\($0)" }
            }
            #expect(
                line.contains("seconds_left") && line.contains("rows_per_second")
                    && line.contains("\"rejected_rows\": 1"))
            #expect(await streamer.terminate() == 0)
            #expect(!streamer.errors.contains("\r"))
        }
    }

    @Test("on a terminal one line is renewed, with rows, rate, part and time left, and the log stands above it")
    func terminal() async throws {
        try await Stage.run { stage in
            let terminal = try PseudoTerminal(columns: 200)
            let streamer = try await Self.slowStreamer(stage, ["LOG_FORMAT": "text"], terminal: terminal.path)
            try await eventuallyTrue("progress on the terminal", unless: streamer) {
                terminal.text.contains(
                    #/\r\x1B\[K\d+ rows published, \d+ rows/s, \d+ %, \d+s left(, \d+ batches wait)?, 1 rejected\r/#)
            }
            #expect(await streamer.terminate() == 0)
            // The terminal itself puts a carriage return before every line feed.
            let lines = terminal.text.replacing("\r\n", with: "\n")
            #expect(lines.contains("rejected row at="))
            // The progress line ends before the summary begins.
            #expect(
                lines.contains(
                    #/\nINFO +\S+ finished rows=\d+ published=\d+ messages=\d+ digest=\S+ undelivered=0 rejected_rows=1 /#
                ))
            #expect(!lines.contains(" progress "))
        }
    }
}
