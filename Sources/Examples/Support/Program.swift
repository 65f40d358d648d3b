import Glibc
import TelemetryMQClient

/// What the reference programs have in common from the first line of `main` to the exit code.
package struct Program: Sendable {
    package static let version = MQClient.version

    package var name: String
    /// One sentence, the first line of the help.
    package var summary: String
    package var options: [any AnyOption]
    /// Stands at the end of the help.
    package var furtherHelp: String

    package init(name: String, summary: String, options: [any AnyOption], furtherHelp: String = "") {
        self.furtherHelp = furtherHelp
        self.name = name
        self.summary = summary
        self.options = options + [Program.logLevel, Program.logFormat] as [any AnyOption]
    }

    package static let logLevel = Option<LogLevel>.choice(
        "LOG_LEVEL", default: .info, help: "Minimum severity of the messages that are logged to standard error.")
    package static let logFormat = Option<LogFormat>.choice(
        "LOG_FORMAT", default: .text,
        help: "`text`: level, time, message and `key=value` pairs; `json`: one object per line.")

    /// Exit codes: 0 all done, 1 failed, 64 the command line or the environment cannot be understood.
    package enum ExitCode {
        package static let done: Int32 = 0
        package static let failed: Int32 = 1
        package static let usage: Int32 = 64
    }

    /// What a program works with once its configuration is read.
    package struct Context: Sendable {
        package var configuration: Configuration
        package var log: Logger
        package var signals: ShutdownSignals

        package subscript<Value>(_ option: Option<Value>) -> Value { configuration[option] }
    }

    /// Reads the configuration, runs `body`, and ends the process with its exit code; an error that `body` throws is
    /// logged and is exit code 1, a ``UsageError`` 64. To be called first thing in `main`.
    package func main(_ body: sending (Context) async throws -> Int32) async -> Never {
        requireStandardDescriptors()
        var arguments = Array(CommandLine.arguments.dropFirst())
        let isProbe = arguments.first == "health"
        if isProbe { arguments.removeFirst() }
        let request: Configuration.Request
        do {
            request = try Configuration.read(options, arguments: arguments, environment: currentEnvironment())
        } catch {
            usage(error)
        }
        switch request {
        case .help:
            print(helpText(program: name, summary: summary, options: options, furtherHelp: furtherHelp), terminator: "")
            exit(ExitCode.done)
        case .optionTable:
            print(optionTable(options), terminator: "")
            exit(ExitCode.done)
        case .version:
            print("\(name) \(Program.version)")
            exit(ExitCode.done)
        case .run(let configuration) where isProbe:
            exit(HealthProbe.run(self, configuration))
        case .run(let configuration):
            OutputSecrets.add(options, of: configuration)
            let log = Logger(level: configuration[Program.logLevel], format: configuration[Program.logFormat])
            do {
                let signals = try ShutdownSignals()
                let code = try await body(Context(configuration: configuration, log: log, signals: signals))
                log.reportSuppressed()
                exit(code)
            } catch let error as UsageError {
                usage(error)
            } catch {
                Console.standardError.endProgress()
                log.reportSuppressed()
                log.error("\(name) cannot go on: \(error)")
                exit(ExitCode.failed)
            }
        }
    }

    private func usage(_ error: UsageError) -> Never {
        Console.standardError.write(line: Array("\(name): \(error)\nTry '\(name) --help'.\n".utf8))
        exit(ExitCode.usage)
    }
}

/// Where standard input, output or error was closed, the event queue of the runtime has taken its number before `main`: log lines would
/// be written to it. Then the program begins anew, with /dev/null in its place.
private func requireStandardDescriptors() {
    let missing = (0...2).filter { (descriptor: Int32) in
        var status = stat()
        // What is no file, pipe, device or socket has no type.
        return fstat(descriptor, &status) != 0 || status.st_mode & S_IFMT == 0
    }
    guard !missing.isEmpty else { return }
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    guard null >= 0 else { return }
    for descriptor in missing where dup2(null, descriptor) < 0 { return }
    execv("/proc/self/exe", CommandLine.unsafeArgv)
}

func currentEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        entry += 1
    }
    return variables
}

/// `host-pid`: what tells one running instance from any other.
package func instanceID() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, 255)
    let host = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(host.isEmpty ? "host" : host)-\(getpid())"
}

/// Why a program cannot go on, in words for the person who started it.
package struct ProgramError: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
