import FaultSupport
import Foundation
import Testing

@Suite("What a program cannot use, it names, and says so by its exit code")
struct BadInputTests {
    static let header =
        "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\n"

    /// Runs a program to its end.
    func run(
        _ program: Executable, _ environment: [String: String] = [:], arguments: [String] = []
    ) async throws -> (code: Int32, output: String, errors: String) {
        var result: (Int32, String, String)!
        try await Stage.run { stage in
            let child = try stage.start(program, environment, arguments: arguments)
            let code = await child.endedOrKilled()
            result = (code, child.output, child.errors)
        }
        return result
    }

    @Test("--help lists every option with its default, on standard output", arguments: Executable.allCases)
    func help(program: Executable) async throws {
        let (code, output, errors) = try await run(program, arguments: ["--help"])
        #expect(code == 0)
        #expect(errors.isEmpty)
        #expect(output.contains("Usage: \(program.rawValue)"))
        #expect(output.contains("--log-level debug|info|warning|error"))
        #expect(output.contains("LOG_FORMAT, default text"))
    }

    @Test(
        "no line of any help is longer than 80 columns",
        arguments: Executable.allCases.flatMap { [($0, ["--help"]), ($0, ["health", "--help"])] }
            + ["verify", "inspect", "tail"].map { (.mqServer, [$0, "--help"]) })
    func helpFits(program: Executable, arguments: [String]) async throws {
        let (code, output, _) = try await run(program, arguments: arguments)
        let long = output.split(separator: "\n").filter { $0.count > 80 }
        #expect(code == 0 && !output.isEmpty && long.isEmpty, "\(long)")
    }

    @Test("an unknown flag is named, with the nearest known one", arguments: Executable.allCases)
    func unknownFlag(program: Executable) async throws {
        let (code, output, errors) = try await run(program, arguments: ["--log-levle", "debug"])
        #expect(code == 64)
        #expect(output.isEmpty)
        #expect(errors.contains("\(program.rawValue): unknown flag --log-levle, did you mean --log-level?"))
    }

    @Test("a variable that does not parse is named with its value", arguments: Executable.allCases)
    func badVariable(program: Executable) async throws {
        let (code, _, errors) = try await run(program, ["LOG_LEVEL": "loud"])
        #expect(code == 64)
        #expect(errors.contains("LOG_LEVEL=loud: expected debug, info, warning or error"))
    }

    // MARK: Files

    static func row(_ value: String, gpu: Int = 0) -> String {
        "2025-07-18T20:42:34Z,DCGM_FI_DEV_GPU_UTIL,\(gpu),nvidia\(gpu),GPU-\(gpu),H100,node1,,,,\(value),\n"
    }

    @Test("a streamer without a file says which option names it")
    func noFile() async throws {
        let (code, _, errors) = try await run(.streamer)
        #expect(code == 64)
        #expect(errors.contains("--source"))
    }

    @Test("a file that is not there is named")
    func missingFile() async throws {
        let (code, _, errors) = try await run(.streamer, ["CSV_PATH": "/nowhere/dcgm.csv", "LOOP": "false"])
        #expect(code == 1)
        #expect(errors.contains("/nowhere/dcgm.csv") && errors.contains("No such file"))
    }

    @Test("a header without a column that is needed is named, and nothing is published")
    func wrongHeader() async throws {
        try await Stage.run { stage in
            let csv = try stage.write("time,metric_name,value\n1,a,2\n", to: "wrong.csv")
            let child = try stage.start(.streamer, ["CSV_PATH": csv, "LOOP": "false"])
            #expect(await child.endedOrKilled() == 1)
            #expect(child.errors.contains("wrong.csv") && child.errors.contains("timestamp"))
        }
    }

    @Test("half a row and a NaN are counted by reason, named by line, and the other rows arrive")
    func badRows() async throws {
        try await Stage.run { stage in
            let text =
                Self.header + Self.row("1", gpu: 0) + "2025-07-18T20:42:34Z,DCGM_FI_DEV\n" + Self.row("NaN", gpu: 1)
                + Self.row("2", gpu: 2)
            let csv = try stage.write(text, to: "some.csv")
            let queue = try await stage.startQueue()
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled() == 0)
            let summary = try #require(streamer.logged("finished"))
            #expect(summary["published"] as? Int == 2)
            #expect(summary["rejected_rows"] as? Int == 2)
            #expect(summary["rejected_wrong_number_of_fields"] as? Int == 1)
            #expect(summary["rejected_not_a_finite_number"] as? Int == 1)
            #expect(streamer.errors.contains("some.csv:3") && streamer.errors.contains("some.csv:4"))
        }
    }

    @Test("a file or a pipe of which every row is rejected is an error with exit code 1", arguments: [false, true])
    func everyRow(isPipe: Bool) async throws {
        try await Stage.run { stage in
            let csv = try stage.write(Self.header + Self.row("NaN") + "half a row\n", to: "bad.csv")
            let queue = try await stage.startQueue()
            let input = isPipe ? open(csv, O_RDONLY) : nil
            defer { if let input { close(input) } }
            let streamer = try stage.startStreamer(queue.port, csv: isPipe ? "-" : csv, input: input)
            #expect(await streamer.endedOrKilled() == 1)
            let summary = try #require(streamer.logged("finished"))
            #expect(
                summary["level"] as? String == "error" && summary["published"] as? Int == 0
                    && summary["rejected_rows"] as? Int == 2)
            let reason = streamer.logged("rejected file")?["at"] as? String ?? ""
            #expect(
                reason.contains(
                    isPipe ? "standard input: all 2 rows are rejected" : "bad.csv: all 2 rows are rejected"),
                "\(reason)")
            #expect(reason.contains("not finite"))
        }
    }

    @Test("an empty file is an error, one with a header and no rows is a warning", arguments: ["", header])
    func noRows(text: String) async throws {
        try await Stage.run { stage in
            let csv = try stage.write(text, to: "empty.csv")
            let queue = try await stage.startQueue()
            let streamer = try stage.startStreamer(queue.port, csv: csv)
            #expect(await streamer.endedOrKilled() == (text.isEmpty ? 1 : 0))
            if text.isEmpty {
                #expect(streamer.errors.contains("empty.csv: it is empty: no header"))
            } else {
                #expect(streamer.logged("there is no sample")?["level"] as? String == "warning")
            }
        }
    }

    @Test("a data directory that is a file is named")
    func unusableDirectory() async throws {
        try await Stage.run { stage in
            let file = try stage.write("text", to: "file")
            let child = try stage.start(.mqServer, ["TCP_PORT": "0", "HTTP_PORT": "0", "MQ_DATA_DIR": file])
            #expect(await child.endedOrKilled() == 1)
            #expect(child.errors.contains(file))
        }
    }

    @Test("a data directory that another server uses is named")
    func directoryInUse() async throws {
        try await Stage.run { stage in
            _ = try await stage.startQueue(["MQ_DATA_DIR": stage.path("log")])
            let child = try stage.start(
                .mqServer, ["TCP_PORT": "0", "HTTP_PORT": "0", "MQ_DATA_DIR": stage.path("log")])
            #expect(await child.endedOrKilled() == 1)
            #expect(child.errors.contains(stage.path("log")))
        }
    }

    // MARK: Ports and peers

    @Test("a port that is in use is named", arguments: ["TCP_PORT", "HTTP_PORT"])
    func queuePortInUse(variable: String) async throws {
        try await Stage.run { stage in
            let first = try await stage.startQueue()
            let port = variable == "TCP_PORT" ? first.port : first.httpPort
            let child = try stage.start(
                .mqServer,
                ["TCP_HOST": "127.0.0.1", "HTTP_HOST": "127.0.0.1", "TCP_PORT": "0", "HTTP_PORT": "0"]
                    .merging([variable: "\(port)"]) { $1 })
            #expect(await child.endedOrKilled() == 1)
            #expect(child.errors.contains("127.0.0.1:\(port)") && child.errors.contains("in use"))
        }
    }

    @Test("the api names a port that is in use")
    func apiPortInUse() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let child = try stage.start(
                .api,
                [
                    "API_HOST": "127.0.0.1", "API_PORT": "\(queue.port)", "MQ_HOST": "127.0.0.1",
                    "MQ_PORT": "\(queue.port)",
                ])
            #expect(await child.endedOrKilled() == 1)
            #expect(child.errors.contains("127.0.0.1:\(queue.port)") && child.errors.contains("in use"))
        }
    }

    @Test("while the queue is away the api answers, is not ready, and says so once")
    func apiWithoutQueue() async throws {
        try await Stage.run { stage in
            let api = try await stage.startAPI(try freePort())
            try await eventuallyTrue("complaint about the queue", unless: api.process) {
                api.process.logged("queue lost") != nil
            }
            #expect(try await HTTP.get(api.port, "/ready").status == 503)
            #expect(try await HTTP.get(api.port, "/health").status == 200)
            #expect(await api.process.terminate() == 0)
            #expect(api.process.logged.count { ($0["message"] as? String)?.hasPrefix("queue lost") == true } == 1)
        }
    }

    @Test("while the database is away the api answers, is not ready, and requests get 503")
    func apiWithoutDatabase() async throws {
        try await Stage.run { stage in
            let api = try await stage.startAPI(
                try freePort(), ["STORAGE": "influxdb", "INFLUXDB_URL": "http://127.0.0.1:\(try freePort())"])
            #expect(try await HTTP.get(api.port, "/ready").status == 503)
            #expect(try await HTTP.get(api.port, "/api/v1/gpus").status == 503)
            #expect(await api.process.terminate() == 0)
        }
    }

    @Test("a collector whose queue is away says so once, and ends when asked")
    func collectorWithoutQueue() async throws {
        try await Stage.run { stage in
            let collector = try stage.startCollector(try freePort(), influxDBPort: try freePort())
            try await eventuallyTrue("complaint about the queue", unless: collector) {
                collector.logged("queue lost") != nil
            }
            #expect(await collector.terminate() == 0)
            #expect(collector.logged.count { ($0["message"] as? String)?.hasPrefix("queue lost") == true } == 1)
        }
    }

    @Test("a wrong token is an error that names the option", arguments: [nil, "wrong"])
    func wrongToken(token: String?) async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue(["MQ_TOKEN": "right"])
            let csv = try stage.write(Self.header + Self.row("1"), to: "one.csv")
            let streamer = try stage.startStreamer(queue.port, csv: csv, token.map { ["MQ_TOKEN": $0] } ?? [:])
            #expect(await streamer.endedOrKilled() == 1)
            #expect(streamer.errors.contains("MQ_TOKEN"))
            let good = try stage.startStreamer(queue.port, csv: csv, ["MQ_TOKEN": "right"])
            #expect(await good.endedOrKilled() == 0)
        }
    }
}
