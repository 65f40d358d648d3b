import FaultSupport
import Foundation
import Testing

@Suite("What a streamer reads")
struct SourceTests {
    static let header = BadInputTests.header

    static func rows(_ gpus: ClosedRange<Int>) -> String { gpus.map { BadInputTests.row("\($0)", gpu: $0) }.joined() }

    /// The uuids that the api serves, without `GPU-`.
    static func gpus(_ api: Stage.API) async throws -> [Int] {
        try await REST.all(REST.GPU.self, api.port, "/api/v1/gpus").compactMap { Int($0.uuid.dropFirst(4)) }.sorted()
    }

    // MARK: Files

    @Test(
        "the files of a directory or of a pattern arrive, each once",
        arguments: [("", 1...6), ("/*.csv", 1...6), ("/[ab].csv", 1...4), ("/sub/?.csv", 7...8)])
    func files(text: String, expected: ClosedRange<Int>) async throws {
        try await Stage.run { stage in
            try FileManager.default.createDirectory(
                atPath: stage.path("exports/sub"), withIntermediateDirectories: true)
            for (name, gpus) in [
                ("c.csv", 5...6), ("a.csv", 1...2), ("b.csv", 3...4), ("sub/d.csv", 7...8), (".e.csv", 9...9),
                ("f.txt", 9...9),
            ] {
                _ = try stage.write(Self.header + Self.rows(gpus), to: "exports/" + name)
            }
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let streamer = try stage.startStreamer(queue.port, csv: stage.path("exports") + text)
            #expect(await streamer.endedOrKilled() == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["published"] as? Int == expected.count)
            #expect(summary["rejected_files"] as? Int == 0 && summary["passes"] as? Int == 1)
            try await REST.awaitSamples(expected.count, api)
            #expect(try await Self.gpus(api) == Array(expected))
        }
    }

    @Test("a file that comes while a directory is looped over is read in the next pass")
    func newFile() async throws {
        try await Stage.run { stage in
            try FileManager.default.createDirectory(atPath: stage.path("exports"), withIntermediateDirectories: true)
            _ = try stage.write(Self.header + Self.rows(1...2), to: "exports/a.csv")
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let streamer = try stage.startStreamer(
                queue.port, csv: stage.path("exports"), ["LOOP": "true", "RATE": "100", "STREAM_INTERVAL": "50ms"])
            try await eventuallyTrue("the first file", unless: streamer) { try await Self.gpus(api) == [1, 2] }
            // Written elsewhere and renamed.
            _ = try stage.write(Self.header + Self.rows(3...3), to: "exports/b.csv")
            try await eventuallyTrue("the new file", unless: streamer) { try await Self.gpus(api) == [1, 2, 3] }
            #expect(await streamer.terminate() == 0)
            #expect(try #require(streamer.logged("finished"))["rejected_files"] as? Int == 0)
        }
    }

    @Test("a bad file among others is named with its reason, costs no other file, and is no success")
    func badFile() async throws {
        try await Stage.run { stage in
            try FileManager.default.createDirectory(atPath: stage.path("exports"), withIntermediateDirectories: true)
            _ = try stage.write(Self.header + Self.rows(1...2), to: "exports/a.csv")
            let bad = try stage.write("time,value\n", to: "exports/b.csv")
            _ = try stage.write(Self.header + Self.rows(3...3), to: "exports/c.csv")
            let queue = try await stage.startQueue()
            let streamer = try stage.startStreamer(queue.port, csv: stage.path("exports"))
            #expect(await streamer.endedOrKilled() == 1)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["published"] as? Int == 3 && summary["undelivered"] as? Int == 0)
            #expect(summary["rejected_files"] as? Int == 1 && summary["level"] as? String == "error")
            let told = try #require(streamer.logged("rejected file")?["at"] as? String)
            #expect(told.hasPrefix(bad) && told.contains("lacks the column timestamp"))
        }
    }

    @Test("what cannot be read is named, and so is what cannot be meant")
    func wrongInputs() async throws {
        try await Stage.run { stage in
            try FileManager.default.createDirectory(atPath: stage.path("empty"), withIntermediateDirectories: true)
            let file = try stage.write(Self.header, to: "a.csv")
            for (environment, code, parts) in [
                (["SOURCE": stage.path("empty")], 1, [stage.path("empty"), "no *.csv in the directory"]),
                (["SOURCE": stage.path("*.tsv")], 1, [stage.path("*.tsv"), "no file matches"]),
                (["SOURCE": stage.path("none.csv")], 1, [stage.path("none.csv"), "No such file"]),
                (["SOURCE": "-"], 1, ["standard input", "no header"]),
                (["SOURCE": file, "CSV_PATH": "b.csv"], 64, ["SOURCE=\(file)", "CSV_PATH=b.csv"]),
                (
                    ["SOURCE": "http://127.0.0.1:9400/metrics", "SCRAPE_INTERVAL": "5s", "SCRAPE_TIMEOUT": "6s"], 64,
                    ["SCRAPE_TIMEOUT", "SCRAPE_INTERVAL"]
                ),
                (["SOURCE": "http://127.0.0.1:9400/metrics", "SCRAPE_INTERVAL": "0"], 64, ["SCRAPE_INTERVAL"]),
                (["SOURCE": "http://"], 64, ["SOURCE", "\"http://\" is not a valid http or https URL"]),
                (
                    ["SOURCE": "ftp://node1/a.csv"], 64,
                    ["SOURCE", "\"ftp://node1/a.csv\" is not a valid http or https URL"]
                ),
                (
                    ["SOURCE": "http://node1:9400/metrics", "SCRAPE_TOKEN": "a\nb"], 64,
                    ["the token for http://node1:9400/metrics"]
                ),
                ([:], 64, ["--source", "SOURCE"]),
            ] as [([String: String], Int32, [String])] {
                let child = try stage.start(.streamer, environment.merging(["LOOP": "false"]) { $1 })
                #expect(await child.endedOrKilled() == code, "\(environment)")
                for part in parts { #expect(child.errors.contains(part), "\(environment): \(child.errors)") }
            }
        }
    }

    @Test("a source without a sample that is sent is no error, and is told", arguments: [true, false])
    func nothing(isRead: Bool) async throws {
        try await Stage.run { stage in
            let csv = try stage.write(Self.header + (isRead ? Self.rows(1...2) : ""), to: "a.csv")
            // It would loop for ever over nothing.
            let streamer = try stage.start(.streamer, ["SOURCE": csv, "LOOP": "true", "HOST_FILTER": "elsewhere*"])
            #expect(await streamer.endedOrKilled() == 0)
            let warning = try #require(
                streamer.logged(isRead ? "no sample is of a host that HOST_FILTER names" : "there is no sample"))
            #expect(warning["level"] as? String == "warning" && warning["source"] as? String == csv)
            #expect(try #require(streamer.logged("finished"))["rows"] as? Int == 0)
        }
    }

    @Test(
        "a batch that is too large for the queue arrives in parts, and the option that makes it smaller is named; one row that is alone is refused"
    )
    func tooLarge() async throws {
        try await Stage.run { stage in
            let csv = try stage.write(Self.header + Self.rows(1...5_000), to: "a.csv")
            let queue = try await stage.startQueue(["MQ_MAX_FRAME_BYTES": "64KiB"])
            let api = try await stage.startAPI(queue.port)
            let streamer = try stage.startStreamer(queue.port, csv: csv, ["BATCH_FORMAT": "plain"])
            #expect(await streamer.endedOrKilled() == 0)
            let splits = streamer.logged.filter { $0["message"] as? String == "batch split" }
            #expect(splits.count == 1)
            #expect(try #require(splits.first?["reason"] as? String).contains("BATCH_SIZE"))
            let finished = try #require(streamer.logged("finished"))
            #expect(finished["published"] as? Int == 5_000 && finished["undelivered"] as? Int == 0)
            #expect(try #require(finished["messages"] as? Int) > 10)
            try await REST.awaitSamples(5_000, api)
            #expect(try await Self.gpus(api) == Array(1...5_000))

            let row = BadInputTests.row("1", gpu: 5_001).replacing(
                "GPU-5001", with: "GPU-5001" + String(repeating: "x", count: 70_000))
            let large = try stage.write(Self.header + row + Self.rows(5_002...5_003), to: "b.csv")
            let refused = try stage.startStreamer(queue.port, csv: large)
            #expect(await refused.endedOrKilled() == 1)
            #expect(refused.logged("batch refused")?["rows"] as? Int == 1)
            #expect(
                refused.logged("finished")?["published"] as? Int == 2
                    && refused.logged("finished")?["undelivered"] as? Int == 1)
        }
    }

    @Test("CSV_PATH is another name of SOURCE", arguments: [[:], ["SOURCE": "same"]])
    func alias(environment: [String: String]) async throws {
        try await Stage.run { stage in
            let csv = try stage.write(Self.header + Self.rows(1...3), to: "a.csv")
            let queue = try await stage.startQueue()
            let streamer = try stage.startStreamer(
                queue.port, csv: "", ["CSV_PATH": csv].merging(environment.mapValues { _ in csv }) { $1 })
            #expect(await streamer.endedOrKilled() == 0)
            #expect(try #require(streamer.logged("finished"))["published"] as? Int == 3)
        }
    }

    // MARK: Streams

    @Test("standard input that stalls: what has come is published, and SIGTERM ends the wait with nothing lost")
    func stalledPipe() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let pipe = try PipeEnds()
            let streamer = try stage.startStreamer(
                queue.port, csv: "-", ["LOOP": "true", "STREAM_INTERVAL": "50ms"], input: pipe.reading)
            pipe.write(Self.header + Self.rows(1...3))
            try await REST.awaitSamples(3, api)
            // A row that is cut, and a batch that is not due for long.
            pipe.write(Self.rows(4...4) + Self.rows(5...5).dropLast(20))
            try await REST.awaitSamples(4, api)
            #expect(await streamer.terminate() == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["published"] as? Int == 4 && summary["undelivered"] as? Int == 0)
            #expect(summary["rejected_rows"] as? Int == 0)
            #expect(streamer.errors.contains("LOOP changes nothing for standard input"))
        }
    }

    @Test("rows that wait for their batch when SIGTERM comes are published, though standard input stays open")
    func drainsPipe() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let pipe = try PipeEnds()
            let streamer = try stage.startStreamer(
                queue.port, csv: "-", ["STREAM_INTERVAL": "1h", "HTTP_HOST": "127.0.0.1", "HTTP_PORT": "0"],
                input: pipe.reading)
            pipe.write(Self.header + Self.rows(1...3))
            let port = try await stage.httpPort(streamer)
            try await eventuallyTrue("rows that are read", unless: streamer) {
                try await HTTP.metric(port, "streamer_rows_read_total") == 3
            }
            #expect(try await HTTP.metric(port, "streamer_rows_published_total") == 0)
            #expect(await streamer.terminate() == 0)
            #expect(try #require(streamer.logged("finished"))["published"] as? Int == 3)
        }
    }

    @Test("standard input that is closed is empty, and no socket takes its number")
    func closedInput() async throws {
        try await Stage.run { stage in
            let streamer = try stage.start(
                .streamer, ["SOURCE": "-"], under: ["/bin/sh", "-c", #"exec "$0" "$@" <&-"#])
            #expect(await streamer.endedOrKilled() == 1)
            #expect(streamer.errors.contains("standard input: it is empty: no header"))
        }
    }

    @Test("log lines do not go to a socket where standard error is closed")
    func closedOutputs() async throws {
        try await Stage.run { stage in
            let csv = try stage.write(Self.header + Self.rows(1...3), to: "a.csv")
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port)
            let streamer = try stage.start(
                .streamer,
                ["SOURCE": csv, "MQ_HOST": "127.0.0.1", "MQ_PORT": "\(queue.port)", "STREAM_INTERVAL": "50ms"],
                under: ["/bin/sh", "-c", #"exec "$0" "$@" >&- 2>&-"#])
            try await eventuallyTrue("samples", unless: streamer) { try await Self.gpus(api) == [1, 2, 3] }
            for descriptor in 1...2 {
                #expect(
                    try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(streamer.pid)/fd/\(descriptor)")
                        == "/dev/null")
            }
            #expect(await streamer.terminate() == 0)
        }
    }

    @Test("standard input ends with the writer's end; a last row without a line end counts")
    func endOfPipe() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let pipe = try PipeEnds()
            let streamer = try stage.startStreamer(queue.port, csv: "-", input: pipe.reading)
            for piece in [
                Self.header.prefix(40), Self.header.dropFirst(40), Self.rows(1...2)[...], Self.rows(3...3).dropLast(),
            ] { pipe.write(piece) }
            pipe.end()
            #expect(await streamer.endedOrKilled() == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["published"] as? Int == 3 && summary["rejected_rows"] as? Int == 0)
        }
    }

    @Test("a named pipe is read as standard input is", arguments: [false, true])
    func namedPipe(isTerminated: Bool) async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let path = stage.path("pipe")
            try #require(mkfifo(path, 0o600) == 0)
            let streamer = try stage.startStreamer(queue.port, csv: path)
            try await eventuallyTrue("start", unless: streamer) { streamer.logged("streaming") != nil }
            if isTerminated {
                // Nobody has written to it yet.
                #expect(await streamer.terminate() == 0)
                #expect(try #require(streamer.logged("finished"))["rows"] as? Int == 0)
            } else {
                let writer = try FileHandle(forWritingTo: URL(filePath: path))
                try writer.write(contentsOf: Data((Self.header + Self.rows(1...2)).utf8))
                try writer.close()
                #expect(await streamer.endedOrKilled() == 0)
                #expect(try #require(streamer.logged("finished"))["published"] as? Int == 2)
            }
        }
    }

    @Test("a large export through a pipe arrives whole")
    func largePipe() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let pipe = try PipeEnds()
            let streamer = try stage.startStreamer(queue.port, csv: "-", input: pipe.reading)
            let text = Self.rows(1...2_000)
            let writer = Thread {
                pipe.write(Self.header)
                for _ in 0..<50 { pipe.write(text) }
                pipe.end()
            }
            writer.start()
            #expect(await streamer.endedOrKilled(within: .seconds(60)) == 0)
            #expect(try #require(streamer.logged("finished"))["published"] as? Int == 100_000)
        }
    }
}
