import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQServer

@Suite("Symbolic links and pipes in place of the log's files")
struct PlantedLinkTests {
    /// Starts a server on the directory, and returns why it does not; `nil` if it does.
    private func failure(_ directory: TemporaryDirectory) async -> String? {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.dataDirectory = directory.path
        do {
            let server = try await MQServer(configuration: configuration)
            await server.shutdown()
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(
        "none of them is followed: the error names the file, and what it leads to is not changed",
        arguments: [false, true])
    func planted(isPipe: Bool) async throws {
        let directory = TemporaryDirectory()
        let outside = TemporaryDirectory()
        defer {
            directory.remove()
            outside.remove()
        }
        try #require(await failure(directory) == nil)
        let secret = outside.path + "/secret"
        try FileManager.default.createDirectory(atPath: outside.path, withIntermediateDirectories: true)
        // Whatever the server has made, and what it makes when it next has to.
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { !$0.hasSuffix(".new") }
        try #require(names.contains { $0.hasSuffix(".log") } && names.contains("LOCK"))
        for name in names {
            let path = directory.path + "/" + name
            let own = try Data(contentsOf: URL(filePath: path))
            try Data("untouched".utf8).write(to: URL(filePath: secret))
            try FileManager.default.removeItem(atPath: path)
            if isPipe {
                try #require(mkfifo(path, 0o600) == 0)
            } else {
                try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: secret)
            }
            let reason = await failure(directory)
            // A file that can be made anew may be left aside; one that is opened is refused by name.
            #expect(reason?.contains(path) ?? true, "\(name): \(reason ?? "")")
            if name.hasSuffix(".log") || name == "LOCK" {
                #expect(
                    reason?.contains(isPipe ? "not a regular file" : "symbolic link") == true,
                    "\(name): \(reason ?? "started")")
            }
            #expect(try String(contentsOfFile: secret, encoding: .utf8) == "untouched", "\(name)")
            if name.hasSuffix(".log") {
                #expect(throws: (any Error).self, "\(name)") { try LogInspection(directory: directory.path) }
            }
            try? FileManager.default.removeItem(atPath: path)
            try own.write(to: URL(filePath: path))
        }
        #expect(await failure(directory) == nil)
    }

    @Test("a file that is written and put in its place does not go through a link either")
    func replaced() throws {
        let directory = TemporaryDirectory()
        let outside = TemporaryDirectory()
        defer {
            directory.remove()
            outside.remove()
        }
        for path in [directory.path, outside.path] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let secret = outside.path + "/secret"
        try Data("untouched".utf8).write(to: URL(filePath: secret))
        try FileManager.default.createSymbolicLink(atPath: directory.path + "/state.new", withDestinationPath: secret)
        let disk = try DiskDirectory(path: directory.path)
        #expect { try disk.replace("state", with: [1, 2, 3]) } throws: {
            "\($0)".contains("state.new") && "\($0)".contains("symbolic link")
        }
        #expect(try String(contentsOfFile: secret, encoding: .utf8) == "untouched")
    }
}
