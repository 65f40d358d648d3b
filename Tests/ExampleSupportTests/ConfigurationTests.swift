import Testing

@testable import ExampleSupport

@Suite("Configuration")
struct ConfigurationTests {
    enum Mode: String, CaseIterable, Sendable { case memory, influxdb }

    static let port = Option<Int>.port("TCP_PORT", default: 9000, help: "The port.")
    static let path = Option<String>.string("CSV_PATH", default: "a.csv", help: "The file.")
    static let loop = Option<Bool>.bool("LOOP", default: true, help: "Again.")
    static let interval = Option<Duration>.duration("STREAM_INTERVAL", default: "5s", help: "How long.")
    static let frame = Option<Int>.size("MAX_BYTES", default: "16MiB", in: 1024...1 << 30, help: "How big.")
    static let mode = Option<Mode>.choice("STORAGE", default: .memory, help: "Where.")
    static let token = Option<String?>.optionalString("MQ_TOKEN", isSecret: true, help: "Secret.")
    static let age = Option<Duration?>.durationLimit("AGE", help: "How old.")
    static let all: [any AnyOption] = [port, path, loop, interval, frame, mode, token, age]

    func read(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> Configuration {
        guard
            case .run(let configuration) = try Configuration.read(
                Self.all, arguments: arguments, environment: environment)
        else {
            Issue.record("expected a configuration")
            throw UsageError("no configuration")
        }
        return configuration
    }

    @Test("without flags and environment every option has its default")
    func defaults() throws {
        let c = try read()
        #expect(c[Self.port] == 9000)
        #expect(c[Self.path] == "a.csv")
        #expect(c[Self.loop])
        #expect(c[Self.interval] == .seconds(5))
        #expect(c[Self.frame] == 16 << 20)
        #expect(c[Self.mode] == .memory)
        #expect(c[Self.token] == nil)
        #expect(c[Self.age] == nil)
        #expect(!c.isGiven(Self.port))
    }

    @Test("a flag overrides the environment, which overrides the default")
    func precedence() throws {
        #expect(try read([], ["TCP_PORT": "1"])[Self.port] == 1)
        #expect(try read(["--tcp-port", "2"], ["TCP_PORT": "1"])[Self.port] == 2)
        #expect(try read(["--tcp-port=3"])[Self.port] == 3)
        #expect(try read(["--tcp-port=3"]).isGiven(Self.port))
    }

    @Test("a variable that is set to nothing counts as not set")
    func emptyVariable() throws {
        #expect(try read([], ["TCP_PORT": "", "MQ_TOKEN": ""])[Self.port] == 9000)
    }

    @Test("a switch is given alone, with a value, or as its negative")
    func switches() throws {
        #expect(try read(["--loop"], ["LOOP": "false"])[Self.loop])
        #expect(try read(["--no-loop"])[Self.loop] == false)
        #expect(try read(["--loop=false"])[Self.loop] == false)
        #expect(try read(["--loop", "false", "--tcp-port", "5"])[Self.port] == 5)
        #expect(try read([], ["LOOP": "0"])[Self.loop] == false)
    }

    @Test("a value may hold an equals sign and begin with one hyphen")
    func awkwardValues() throws {
        #expect(try read(["--csv-path=a=b"])[Self.path] == "a=b")
        #expect(try read(["--csv-path", "-"])[Self.path] == "-")
        #expect(try read(["--csv-path="])[Self.path] == "")
    }

    @Test(
        "what cannot be understood is named",
        arguments: [
            (["--tcp-prot", "1"], [:], "unknown flag --tcp-prot, did you mean --tcp-port?"),
            (["--frobnicate"], [:], "unknown flag --frobnicate"),
            (["--tcp-port"], [:], "--tcp-port needs a value: --tcp-port PORT"),
            (["--tcp-port", "--loop"], [:], "--tcp-port needs a value: --tcp-port PORT"),
            (["--tcp-port=x"], [:], "--tcp-port=x: expected a whole number from 0 to 65535"),
            ([], ["TCP_PORT": "70000"], "TCP_PORT=70000: expected a whole number from 0 to 65535"),
            ([], ["STREAM_INTERVAL": "5"], "STREAM_INTERVAL=5: expected a duration such as 100ms, 5s, 30m or 24h"),
            (["--max-bytes", "12"], [:], "--max-bytes=12: expected a size from 1024 to 1073741824 bytes"),
            (["--max-bytes", "1GB!"], [:], "--max-bytes=1GB!: expected a size such as 512KiB, 64MiB or 1GiB"),
            (["--storage", "disk"], [:], "--storage=disk: expected memory or influxdb"),
            ([], ["LOOP": "perhaps"], "LOOP=perhaps: expected true or false"),
            (["extra"], [:], "unexpected argument 'extra'"),
        ] as [([String], [String: String], String)])
    func errors(arguments: [String], environment: [String: String], message: String) {
        let error = #expect(throws: UsageError.self) { try read(arguments, environment) }
        #expect(error?.description == message)
    }

    @Test(
        "durations",
        arguments: [
            ("0", .zero), ("100us", .microseconds(100)), ("100ms", .milliseconds(100)), ("5s", .seconds(5)),
            ("1.5s", .milliseconds(1500)), ("30m", .seconds(1800)), ("24h", .seconds(86_400)),
            ("7d", .seconds(604_800)),
            ("s", nil), ("", nil), ("-1s", nil), ("5 s", nil), ("1e3s", nil), ("5S", nil), ("99999999999d", nil),
        ] as [(String, Duration?)])
    func durations(text: String, expected: Duration?) {
        #expect(parseDuration(text) == expected)
    }

    @Test(
        "sizes",
        arguments: [
            ("4096", 4096), ("0", 0), ("512KiB", 512 << 10), ("16MiB", 16 << 20), ("1GiB", 1 << 30), ("1.5KiB", 1536),
            ("2MB", 2_000_000), ("MiB", nil), ("1kb", nil), ("-1", nil), ("9999999999TiB", nil),
        ] as [(String, Int?)])
    func sizes(text: String, expected: Int?) {
        #expect(parseSize(text) == expected)
    }

    @Test("the help lists every option with its variable and its default")
    func help() {
        let text = helpText(program: "demo", summary: "Shows.", options: Self.all)
        for option in Self.all {
            #expect(text.contains(option.flag + " "))
            #expect(text.contains("\(option.name), default \(option.defaultText ?? "none")"))
        }
        guard case .help? = try? Configuration.read(Self.all, arguments: ["--loop", "--help"], environment: [:]) else {
            Issue.record("--help is not answered")
            return
        }
    }

    @Test("words are wrapped at the width, and one that is longer has its own line")
    func wraps() {
        #expect(wrapped("one two three four", indent: 2, width: 9) == "  one two\n  three\n  four")
        #expect(
            wrapped("a \(String(repeating: "x", count: 12)) b", width: 6)
                == "a\n\(String(repeating: "x", count: 12))\nb")
        #expect(wrapped("", indent: 2) == "  ")
    }

    @Test("a secret that cannot be used is not shown")
    func secret() {
        let option = Option<String>(
            "KEY", default: "", shown: nil, placeholder: "TEXT", help: "", isSecret: true,
            parse: { (_) throws(OptionValueError) in throw OptionValueError("is too short") })
        let error = #expect(throws: UsageError.self) {
            try Configuration.read([option], arguments: ["--key", "hunter2"], environment: [:])
        }
        #expect(error?.description == "--key: is too short")
    }
}
