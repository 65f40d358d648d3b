import TelemetryBase
import TelemetryMQ

/// Whatever a client sends, the queue answers frames, goes on serving others, and has the same messages after a restart.
enum FramesTarget {
    static func failure(_ input: [UInt8]) -> String? { CallingThread.run { await check(input) } }

    /// The first byte says whether the rest is lines, each the body of a frame, or a stream as it is.
    static func stream(_ input: [UInt8]) -> [UInt8] {
        guard let first = input.first, first & 1 == 0 else { return Array(input.dropFirst()) }
        return input.dropFirst().split(separator: UInt8(ascii: "\n")).flatMap { FramePeer.frame(Array($0)) }
    }

    private static func check(_ input: [UInt8]) async -> String? {
        let directory = MemoryLogDirectory()
        var configuration = MQServer.Configuration()
        configuration.port = 0
        configuration.httpPort = nil
        configuration.segmentBytes = 4096
        configuration.maxFrameBytes = 1 << 16
        if let first = input.first, first & 2 != 0 { configuration.sync = .always }
        do {
            let before = try await serve(configuration, directory) { port in
                guard let peer = FramePeer(port: port) else { return "nobody listens" }
                peer.send(stream(input))
                peer.endSending()
                let sent = peer.rest()
                if !isWhole(sent) { return "the answers are not frames: \(quoted(sent.suffix(200)))" }
                return nil
            }
            let after = try await serve(configuration, directory) { port in
                guard let peer = FramePeer(port: port) else { return "nobody listens after the restart" }
                for (number, id) in ["a", "b", "collector", "%d"].enumerated() {
                    peer.send(
                        #"{"type":"subscribe","request_id":\#(number),"subscriber_id":"\#(id)","offset":"committed"}"#)
                    guard let answer = peer.answer(number) else {
                        return "no answer to a subscribe of \(id) at committed"
                    }
                    guard answer.contains(#""success":true"#) else {
                        return "a subscribe at committed is refused: \(answer)"
                    }
                }
                return nil
            }
            if let failure = before.failure ?? after.failure { return failure }
            if before.next != after.next {
                return "the log ended before \(before.next), and after a restart before \(after.next)"
            }
            return nil
        } catch {
            return "the server does not start: \(error)"
        }
    }

    /// Runs a server, and what a peer does with it; then asks for the end of its log, and stops it.
    static func serve(
        _ configuration: MQServer.Configuration, _ directory: MemoryLogDirectory, _ body: (Int) -> String?
    ) async throws -> (failure: String?, next: Int64) {
        let server = try await MQServer(configuration: configuration) { directory }
        var failure = body(server.port)
        var next: Int64 = -1
        if failure == nil {
            let peer = FramePeer(port: server.port)
            peer?.send(#"{"type":"get_stats","request_id":1}"#)
            if let latest = peer?.answer(1).flatMap({ member("latest_offset", of: $0) }) {
                next = latest + 1
            } else {
                failure = "no statistics for another client"
            }
        }
        await server.shutdown(within: .zero)
        return (failure, next)
    }

    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        var at = 0
        while at + 4 <= bytes.count { at += 4 + bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
        return at == bytes.count
    }
}
