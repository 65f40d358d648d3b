import Foundation
import Testing

@Suite("Guide to the configuration", .serialized)
struct ConfigurationGuideTests {
    static let path = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../Docs/Configuration.md")

    /// `UPDATE_DOCS=1` writes the table again before it is compared.
    @Test("the tables in Docs/Configuration.md are what the options say", arguments: Executable.allCases)
    func tables(program: Executable) async throws {
        let table = try await Self.output(of: program, "--option-table")
        #expect(table.split(separator: "\n").count > 10)
        let start = "<!-- options: \(program.rawValue) -->\n"
        let end = "<!-- end -->\n"
        let guide = try String(contentsOf: Self.path, encoding: .utf8)
        let parts = guide.components(separatedBy: start)
        try #require(parts.count == 2, "Docs/Configuration.md needs \(start) once")
        let written = try #require(parts[1].range(of: end), "Docs/Configuration.md needs \(end) after \(start)")
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            let page = parts[0] + start + table + parts[1][written.lowerBound...]
            try page.write(to: Self.path, atomically: true, encoding: .utf8)
        } else {
            let rows = parts[1][..<written.lowerBound].split(separator: "\n")
            let options = table.split(separator: "\n")
            for (row, option) in zip(rows, options) where row != option {
                Issue.record("Docs/Configuration.md has \"\(row)\", the program \"\(option)\"; run make tables")
            }
            #expect(rows.count == options.count, "run make tables")
        }
    }

    @Test(
        "every option of the table is in --help, with the same default, and the other way round",
        arguments: Executable.allCases)
    func sameInHelp(program: Executable) async throws {
        let table = try await Self.output(of: program, "--option-table")
        let inTable = table.matches(of: #/\n\| `(\w+)` \| .*? \| (.*?) \| /#).map { "\($0.1), default \($0.2)" }
        let help = try await Self.output(of: program, "--help")
        // Defaults are no longer than a line.
        let inHelp = help.matches(of: #/\n +([A-Z_]+, default .*)/#).map { String($0.1) }
        #expect(inTable == inHelp && inHelp.count > 8)
    }

    private static func output(of program: Executable, _ flag: String) async throws -> String {
        var output = ""
        try await Stage.run { stage in
            let child = try stage.start(program, arguments: [flag])
            #expect(await child.endedOrKilled() == 0)
            output = child.output
        }
        return output
    }
}
