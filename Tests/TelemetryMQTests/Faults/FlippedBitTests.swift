import FaultSupport
import Foundation
import Synchronization
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQServer

@Suite("A server whose log has one wrong bit", .timeLimit(.minutes(20)))
struct FlippedBitTests {
    private static let messageCount = 12

    private func server(_ directory: FaultDirectory, _ told: Told = Told()) async throws -> MQServer {
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.sync = .always
        configuration.segmentBytes = 450
        configuration.onEvent = { event in told.events.withLock { $0.append("\(event)") } }
        return try await MQServer(configuration: configuration) { directory }
    }

    private final class Told: Sendable {
        let events = Mutex<[String]>([])
    }

    /// The files of a log of several segments, sealed but for the last.
    private func soundLog() async throws -> [String: [UInt8]] {
        let directory = FaultDirectory()
        let server = try await server(directory)
        let peer = try RawPeer(port: server.port)
        for n in 0..<Self.messageCount {
            let answer = members(
                try peer.ask(
                    #"{"type":"publish","producer_id":"p","sequence":\#(n),"payload":\#(Oracle.payload("p", Int64(n)))}"#
                ))
            try #require(answer["offset"] as? Int == n)
        }
        await server.shutdown(within: .zero)
        return directory.files
    }

    /// The frames that a subscription brings, up to an error frame, which is the second result, or to the log's end.
    private func deliveries(_ port: Int, from start: String) throws -> (frames: [String], error: [String: Any]?) {
        let peer = try RawPeer(port: port)
        _ = try peer.ask(#"{"type":"subscribe","subscriber_id":"s",\#(start)}"#)
        // Its message comes behind all others, where nothing is in the way.
        let publisher = try RawPeer(port: port)
        _ = try publisher.ask(#"{"type":"publish","payload":"end"}"#)
        var frames: [String] = []
        while true {
            let frame = try peer.receive()
            let message = members(frame)
            if message["type"] as? String == "error" { return (frames, message) }
            if message["payload"] as? String == "end" { return (frames, nil) }
            frames.append(frame)
        }
    }

    @Test("it is told with file and offset, or cut off the end and told; whatever is delivered is as it was stored")
    func everyByte() async throws {
        let files = try await soundLog()
        let whole = try await server(FaultDirectory(files: files))
        let (stored, _) = try deliveries(whole.port, from: #""offset":0"#)
        let times = stored.map { members($0)["timestamp"] as? Int64 ?? 0 }
        await whole.shutdown(within: .zero)
        #expect(stored.count == Self.messageCount)
        let names = files.keys.filter { $0.hasSuffix(".log") }.sorted()
        #expect(names.count > 3)

        var number = 0
        for name in names {
            for place in files[name]!.indices {
                number += 1
                var altered = files
                altered[name]![place] ^= 1 << UInt8(number % 8)
                let comment: Comment = "\(name), byte \(place)"
                let told = Told()
                let started: MQServer
                do {
                    started = try await server(FaultDirectory(files: altered), told)
                } catch {
                    #expect("\(error)".contains(name), "\(comment): \(error)")
                    continue
                }
                for start in [#""offset":0"#, #""timestamp":\#(times[7])"#] {
                    let first = start.contains("offset") ? 0 : times.firstIndex { $0 >= times[7] }!
                    let (frames, error) = try deliveries(started.port, from: start)
                    let expected = Array(stored[first...])
                    if let error {
                        #expect(error["code"] as? String == "corrupt_log", comment)
                        #expect((error["error"] as? String)?.contains(name) == true, comment)
                        // In order and without a gap up to the damage.
                        let offset = try #require(error["offset"] as? Int, comment)
                        if start.contains("offset") { #expect(frames == Array(stored[..<offset]), comment) }
                        #expect(frames.allSatisfy { stored.contains($0) }, comment)
                    } else if frames != expected {
                        // Only the end can be cut, and that is told.
                        #expect(name == names.last && expected.starts(with: frames), comment)
                        #expect(told.events.withLock { $0.contains { $0.contains(name) } }, comment)
                    }
                }
                await started.shutdown(within: .zero)
            }
        }
    }
}
