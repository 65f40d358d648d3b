import FaultSupport
import Foundation
import Testing

@Suite("scripts/run.sh, which make run calls")
struct RunScriptTests {
    static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct Run: Sendable {
        var process: ChildProcess
        var apiPort: Int
        var mark: String

        /// The programs that belong to this run, by name.
        func programs() -> [String: pid_t] {
            var found: [String: pid_t] = [:]
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
                guard let pid = pid_t(entry), pid != process.pid,
                    let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ"),
                    environment.range(of: Data(mark.utf8)) != nil,
                    let name = try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)
                else { continue }
                found[name.trimmingCharacters(in: .newlines)] = pid
            }
            return found
        }
    }

    /// Runs the debug build on the sample, until rows are served.
    func start(_ stage: Stage, _ more: [String: String] = [:]) async throws -> Run {
        let (tcp, http, api) = (try freePort(), try freePort(), try freePort())
        let directory = stage.path("run")
        let process = try stage.start(
            "run", executable: "/bin/bash", arguments: [Self.package.appending(path: "scripts/run.sh").path],
            environment: [
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": directory,
                "BIN": URL(filePath: Executable.api.path).deletingLastPathComponent().path, "RUN_DIR": directory,
                "SWAGGER_UI_DIR": directory, "TCP_PORT": "\(tcp)", "HTTP_PORT": "\(http)", "API_PORT": "\(api)",
            ].merging(more) { $1 })
        let run = Run(process: process, apiPort: api, mark: "RUN_DIR=\(directory)")
        try await eventuallyTrue("rows of the sample", within: .seconds(60), unless: process) {
            try await HTTP.json(REST.Statistics.self, api, "/api/v1/stats").store.gpu_count == 64
        }
        try await eventuallyTrue("progress", unless: process) { process.output.contains("GPUs 64") }
        return run
    }

    @Test("shows addresses and progress, and leaves no process behind when it is ended", arguments: [SIGINT, SIGTERM])
    func ends(signal: Int32) async throws {
        try await Stage.run { stage in
            let run = try await start(stage)
            #expect(Set(run.programs().keys).isSuperset(of: ["mq-server", "streamer", "api"]))
            #expect(run.process.output.contains("http://127.0.0.1:\(run.apiPort)/swagger/index.html"))
            run.process.send(signal)
            #expect(await run.process.endedOrKilled(within: .seconds(60)) == 0)
            #expect(run.process.output.contains("run: all stopped"))
            #expect(run.programs().isEmpty)
            #expect(run.process.errors.isEmpty)
        }
    }

    @Test("never shows more stored than published, also where the log has what an earlier run published")
    func counts() async throws {
        try await Stage.run { stage in
            for number in 0..<2 {
                // As fast as it goes: what is shown of both must still fit.
                let run = try await start(
                    stage, ["MQ_DATA_DIR": stage.path("log"), "RATE": "0", "STREAM_INTERVAL": "10ms"])
                try await eventuallyTrue("lines of progress", unless: run.process) { lines(of: run).count >= 3 }
                run.process.send(SIGTERM)
                #expect(await run.process.endedOrKilled(within: .seconds(60)) == 0)
                let shown = lines(of: run)
                #expect(shown.allSatisfy { $0.stored <= $0.published } && shown.last!.stored > 0, "\(shown)")
                #expect(run.process.output.contains("from before") == (number > 0))
            }
        }
    }

    private func lines(of run: Run) -> [(published: Int, stored: Int)] {
        run.process.output.matches(of: /published (\d+) rows · stored (\d+)/).map { (Int($0.1)!, Int($0.2)!) }
    }

    @Test("shows no secret of a URL")
    func secrets() async throws {
        try await Stage.run { stage in
            let process = try stage.start(
                "run", executable: "/bin/bash", arguments: [Self.package.appending(path: "scripts/run.sh").path],
                environment: [
                    "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "BIN": "/nowhere",
                    "RUN_DIR": stage.path("run"), "SOURCE": "file://me:hunter22@host/x",
                ])
            #expect(await process.endedOrKilled() == 1)
            #expect(process.errors.contains("host/x") && !process.errors.contains("hunter22"))
        }
    }

    @Test("names a program that died, with its last lines, and stops the others")
    func death() async throws {
        try await Stage.run { stage in
            let run = try await start(stage)
            kill(try #require(run.programs()["api"]), SIGKILL)
            #expect(await run.process.endedOrKilled(within: .seconds(60)) == 1)
            #expect(
                run.process.errors.contains("api ended with code 137") && run.process.errors.contains("queue connected")
            )
            #expect(run.programs().isEmpty)
        }
    }

    @Test("names a port that is in use and the variable that changes it")
    func portInUse() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let process = try stage.start(
                "run", executable: "/bin/bash", arguments: [Self.package.appending(path: "scripts/run.sh").path],
                environment: [
                    "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "BIN": "/nowhere",
                    "RUN_DIR": stage.path("run"), "TCP_PORT": "\(queue.port)", "HTTP_PORT": "\(try freePort())",
                    "API_PORT": "\(try freePort())",
                ])
            #expect(await process.endedOrKilled() == 1)
            #expect(process.errors.contains("port \(queue.port)") && process.errors.contains("TCP_PORT"))
        }
    }
}
