import ExampleSupport
import Glibc
import TelemetryMQClient
import TelemetryMQLog

/// `mq-server verify DIR`, `inspect DIR`, `positions HOST:PORT`, `tail HOST:PORT [FROM]`: to look at a log instead of
/// serving one.
enum Commands {
    static let help = """
        Commands, instead of options:
          verify DIR
                Read every record of a log and report problems; exit code 1 if there
                are any.
          inspect DIR
                List the segments of a log with offsets, times and sizes, and the
                committed positions.
          positions HOST:PORT [set ID OFFSET | delete ID]
                List the committed positions of a running server with their lag; set
                the position of subscriber ID to OFFSET, the last message that it has
                processed; or delete the position of ID, which then starts with the
                oldest message. MQ_TOKEN is the token that the server requires.
          tail HOST:PORT [FROM]
                Print the messages of a running server as they arrive. FROM is
                earliest, latest (the default), an offset, or a time ago: 10m.
                MQ_TOKEN is the token that the server requires.

        """

    /// Runs the command that the arguments name; returns where they name none.
    static func runIfNamed(_ arguments: [String]) async {
        let known = ["verify", "inspect", "positions", "tail"]
        guard let command = arguments.first, known.contains(command) else { return }
        if arguments.contains("--help") {
            print(help, terminator: "")
            exit(Program.ExitCode.done)
        }
        do {
            switch (command, arguments.count) {
            case ("verify", 2): exit(try verify(arguments[1]))
            case ("inspect", 2): exit(try inspect(arguments[1]))
            case ("positions", _): exit(try await PositionCommands.run(Array(arguments.dropFirst())))
            case ("tail", 2...3):
                exit(try await tail(arguments[1], from: arguments.count > 2 ? arguments[2] : "latest"))
            default: throw UsageError("\(command) takes other arguments\n\n\(help)")
            }
        } catch let error as UsageError {
            fail("\(error)", Program.ExitCode.usage)
        } catch {
            fail("\(error)", Program.ExitCode.failed)
        }
    }

    static func fail(_ message: String, _ code: Int32) -> Never {
        Console.standardError.write(line: Array("mq-server: \(message)\n".utf8))
        exit(code)
    }

    private static func verify(_ directory: String) throws -> Int32 {
        let log = try LogInspection(directory: directory)
        for notice in log.notices { show("note: \(notice)") }
        for problem in log.problems { show("damaged: \(problem)") }
        let messages = log.segments.reduce(0) { $0 + $1.nextOffset - $1.baseOffset }
        let bytes = log.segments.reduce(0) { $0 + $1.soundByteCount }
        let found = "\(log.segments.count) segments, \(messages) sound messages, \(bytes) bytes"
        show(
            "\(directory): \(found), log_id \(log.logID ?? "none"); \(log.problems.isEmpty ? "sound" : "\(log.problems.count) problems")"
        )
        return log.problems.isEmpty ? Program.ExitCode.done : Program.ExitCode.failed
    }

    private static func inspect(_ directory: String) throws -> Int32 {
        let log = try LogInspection(directory: directory)
        func column(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.utf8.count)) + text
        }
        print(
            ["first", "last", "messages", "bytes"].map { column($0, 14) }.joined()
                + "  index  from                         to")
        for segment in log.segments {
            let count = segment.nextOffset - segment.baseOffset
            let cells = [
                count > 0 ? "\(segment.baseOffset)" : "-", count > 0 ? "\(segment.nextOffset - 1)" : "-", "\(count)",
                "\(segment.fileByteCount)",
            ]
            let times = [segment.firstTimestamp, segment.lastTimestamp].map { $0.map(text) ?? column("-", 27) }
            print(
                cells.map { column($0, 14) }.joined() + "  \(segment.hasIndex ? "yes  " : "no   ")  "
                    + times.joined(separator: "  "))
        }
        if let id = log.logID {
            print("log: log_id \(id), log_epoch \(log.logEpoch ?? "none") (\(log.epochCount) epochs)")
        }
        for (id, offset) in log.committedOffsets { show("committed: \(id) is done with \(offset)") }
        for notice in log.notices { show("note: \(notice)") }
        for problem in log.problems { show("damaged: \(problem)") }
        return Program.ExitCode.done
    }

    /// Prints a line. Ids of clients and names of files are in it: what would act on a terminal is written as an
    /// escape.
    private static func show(_ line: String) { print(line.printable()) }

    /// In UTC with microseconds, the resolution of the log.
    static func text(of time: Timestamp) -> String { time.rfc3339(fractionDigits: 6) }

    /// How a command's client reaches the server.
    static func client(of server: String, for command: String) throws -> MQClient.Configuration {
        guard let colon = server.lastIndex(of: ":"), let port = Int(server[server.index(after: colon)...]),
            (1...65535).contains(port)
        else {
            throw UsageError("\(command) \(Secrets.redactedURL(server)): expected HOST:PORT")
        }
        var settings = MQClient.Configuration(host: String(server[..<colon]), port: port)
        settings.clientID = command + "-" + instanceID()
        settings.token = getenv("MQ_TOKEN").map { String(cString: $0) }
        return settings
    }

    private static func tail(_ server: String, from: String) async throws -> Int32 {
        let address = try client(of: server, for: "tail")
        let start: MQClient.StartPosition
        switch from {
        case "earliest": start = .earliest
        case "latest": start = .latest
        default:
            if let offset = Int64(from), offset >= 0 {
                start = .offset(offset)
            } else if let ago = parseDuration(from) {
                start = .timestamp(Timestamp.now.advanced(by: .zero - ago))
            } else {
                throw UsageError("tail from \(from): expected earliest, latest, an offset, or a duration such as 10m")
            }
        }
        var settings = address
        settings.onEvent = { event in
            let text: String
            switch event {
            case .disconnected(let peer, _, let reason, let delay):
                text = "\(peer): \(reason); next attempt in \(delay.roundedText)"
            case .messagesSkipped(_, let count, let next):
                text = "\(count) messages were lost to retention; next is \(next)"
            case .logReset(_, let reset): text = "\(reset)"
            default: return
            }
            Console.standardError.write(line: Array("mq-server: \(text)\n".utf8))
        }
        try await MQClient.withClient(settings) { client in
            var messages = client.subscribe(from: start).makeAsyncIterator()
            while let batch = try await messages.nextBatch() {
                var out: [UInt8] = []
                for message in batch {
                    out += Array("\(message.offset)\t\(message.timestamp.map(text) ?? "-")\t".utf8)
                    out += onOneLine(message.payload)
                    out.append(UInt8(ascii: "\n"))
                }
                // A reader that has seen enough (`| head`) ends the tail.
                guard writeAll(out) else { return }
            }
        }
        return Program.ExitCode.done
    }

    /// The payload, with escapes in its strings for what would act on a terminal, and blanks for its line breaks: the
    /// same JSON value.
    private static func onOneLine(_ payload: ArraySlice<UInt8>) -> [UInt8] {
        if payload.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return Array(payload) }
        // Between the tokens of JSON there are no others of these, and within a string none.
        let blanks: [UInt8] = [0x09, 0x0A, 0x0D]
        let text = String(decoding: payload.map { blanks.contains($0) ? 0x20 : $0 }, as: UTF8.self)
        return Array(text.printable().utf8)
    }

    private static func writeAll(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(1, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
