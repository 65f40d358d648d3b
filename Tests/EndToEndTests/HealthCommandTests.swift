import FaultSupport
import Foundation
import Testing

@Suite("PROGRAM health, which images run as their health check")
struct HealthCommandTests {
    func health(_ stage: Stage, _ program: Executable, _ environment: [String: String], _ arguments: [String] = [])
        async throws -> (Int32, String)
    {
        let child = try stage.start(program, environment, arguments: ["health"] + arguments)
        let code = await child.endedOrKilled(within: .seconds(20))
        return (code, child.errors)
    }

    @Test("is 0 while the instance answers, asked at the address of its options, and 1 when it is gone")
    func answers() async throws {
        try await Stage.run { stage in
            let queue = try await stage.startQueue()
            let api = try await stage.startAPI(queue.port, ["API_TOKEN": "needs none for this"])
            #expect(try await health(stage, .mqServer, ["HTTP_PORT": "\(queue.httpPort)"]).0 == 0)
            #expect(
                try await health(stage, .mqServer, ["HTTP_PORT": "1"], ["--http-port", "\(queue.httpPort)"]).0 == 0)
            #expect(try await health(stage, .api, ["API_PORT": "\(api.port)", "API_HOST": "0.0.0.0"]).0 == 0)
            #expect(await queue.process.terminate() == 0)
            let (code, reason) = try await health(stage, .mqServer, ["HTTP_PORT": "\(queue.httpPort)"])
            #expect(code == 1 && reason == "mq-server: 127.0.0.1:\(queue.httpPort): Connection refused\n")
        }
    }

    @Test("is 1 where another answer than 200 comes, and where /health is not served; 64 where it is not understood")
    func refuses() async throws {
        try await Stage.run { stage in
            // What asks for HTTP of the queue's own port gets no answer of HTTP.
            let queue = try await stage.startQueue()
            #expect(try await health(stage, .mqServer, ["HTTP_PORT": "\(queue.port)"]).0 == 1)
            let (code, reason) = try await health(stage, .streamer, [:])
            #expect(code == 1 && reason == "streamer: HTTP_PORT is not set: /health is not served\n")
            #expect(try await health(stage, .collector, [:], ["now"]).0 == 64)
        }
    }
}
