import FaultSupport
import Foundation
import Testing

@Suite("Signals")
struct SignalTests {
    /// A streamer that cannot deliver, and has a minute to try.
    func waitingStreamer(_ stage: Stage) async throws -> ChildProcess {
        let csv = try stage.write(BadInputTests.header + BadInputTests.row("1"), to: "one.csv")
        let streamer = try stage.startStreamer(try freePort(), csv: csv, ["DRAIN_TIMEOUT": "60s"])
        try await eventuallyTrue("complaint about the queue", unless: streamer) { streamer.logged("queue lost") != nil }
        return streamer
    }

    @Test("a second signal ends a program that drains at once", arguments: [SIGTERM, SIGINT, SIGHUP])
    func second(signal: Int32) async throws {
        try await Stage.run { stage in
            let streamer = try await waitingStreamer(stage)
            streamer.send(SIGTERM)
            try await eventuallyTrue("drain", unless: streamer) {
                streamer.logged("draining")?["signal"] as? String == "SIGTERM"
            }
            // What comes too soon is not a second request yet.
            try await eventuallyTrue("end") {
                streamer.send(signal)
                return !streamer.isRunning
            }
            #expect(await streamer.ended() == 128 + signal)
        }
    }

    @Test("one request that comes as several signals drains")
    func repeated() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let pipe = try PipeEnds()
            let streamer = try stage.startStreamer(
                queue.port, csv: "-", ["STREAM_INTERVAL": "1h", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0"],
                input: pipe.reading)
            pipe.write(BadInputTests.header + BadInputTests.row("1"))
            let port = try await stage.httpPort(streamer)
            try await eventuallyTrue("a row that is read", unless: streamer) {
                try await HTTP.metric(port, "streamer_rows_read_total") == 1
            }
            for _ in 0..<100 { streamer.send(SIGTERM) }
            #expect(await streamer.endedOrKilled() == 0)
            #expect(try #require(streamer.logged("finished"))["published"] as? Int == 1)
        }
    }

    @Test(
        "SIGINT drains as SIGTERM does, also where nothing was ever connected",
        arguments: [Executable.mqServer, .collector, .api])
    func interrupt(program: Executable) async throws {
        try await Stage.run { stage in
            let child: ChildProcess
            switch program {
            case .mqServer: child = try await stage.startQueue().process
            case .api: child = try await stage.startAPI(try freePort()).process
            default:
                child = try stage.startCollector(try freePort(), influxDBPort: try freePort())
                try await eventuallyTrue("start", unless: child) { child.logged("collecting") != nil }
            }
            child.send(SIGINT)
            #expect(await child.endedOrKilled() == 0)
            #expect(child.logged("draining")?["signal"] as? String == "SIGINT")
            // Every line is one JSON object.
            #expect(child.logged.count == child.errors.split(separator: "\n").count)
        }
    }
}
