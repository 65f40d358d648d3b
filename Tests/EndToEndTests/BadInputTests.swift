import Foundation
import Testing

@Suite("What a program cannot use, it names, and says so by its exit code")
struct BadInputTests {
    static let header = "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw\n"

    /// Runs a program to its end.
    func run(
        _ program: Executable, _ environment: [String: String] = [:], arguments: [String] = []
    ) async throws -> (code: Int32, output: String, errors: String) {
        var result: (Int32, String, String)!
        try await Stage.run { stage in
            let child = try stage.start(program, environment, arguments: arguments)
            let code = await child.endedOrKilled(within: .seconds(20))
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
}
