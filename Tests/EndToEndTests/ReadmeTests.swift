import Foundation
import Testing

@Suite("The README tells the truth")
struct ReadmeTests {
    static let readme: String = {
        let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return (try? String(contentsOf: package.appending(path: "README.md"), encoding: .utf8)) ?? ""
    }()

    @Test("its tables list every option of a program with its default", arguments: Executable.allCases)
    func tables(program: Executable) async throws {
        try await Stage.run { stage in
            let child = try stage.start(program, arguments: ["--help"])
            #expect(await child.endedOrKilled() == 0)
            let section = try #require(Self.readme.replacing("\n## ", with: "\n### ").components(separatedBy: "\n### ").first { $0.hasPrefix("\(program.rawValue)\n") })
            var count = 0
            for line in child.output.components(separatedBy: "\n") {
                guard let match = line.firstMatch(of: #/\b([A-Z][A-Z_]+), default (.*)$/#), !match.1.hasPrefix("LOG_") else { continue }
                #expect(section.contains("| `\(match.1)` | \(match.2) |"), "\(match.1) of \(program.rawValue)")
                count += 1
            }
            #expect(count >= 8)
            let rows = section.components(separatedBy: "\n").count { $0.hasPrefix("| `") }
            #expect(rows == count, "the README lists options that \(program.rawValue) does not have")
        }
    }
}
