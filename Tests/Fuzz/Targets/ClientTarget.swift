import Glibc
import Synchronization
import TelemetryIO
import TelemetryMQ

/// Whatever a server sends, the client's calls end, with an error or with messages in order.
enum ClientTarget {
    static func failure(_ input: [UInt8]) -> String? {
        do {
            let server = try HostileServer(isPolite: (input.first ?? 0) & 2 == 0, stream: FramesTarget.stream(input))
            defer { server.stop() }
            return CallingThread.run { await check(server.port) }
        } catch {
            return "no server to connect to: \(error)"
        }
    }

    private static func check(_ port: Int) async -> String? {
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        var configuration = MQClient.Configuration(host: "127.0.0.1", port: port)
        // It is not to come back.
        configuration.initialBackoff = .seconds(Int64.max)
        configuration.maxBackoff = .seconds(Int64.max)
        configuration.maxFrameBytes = 1 << 16
        configuration.onEvent = { if case .disconnected = $0 { end.yield() } }
        let client: MQClient
        do { client = try MQClient(configuration: configuration) } catch { return "\(error)" }
        let wrong = Mutex<String?>(nil)

        func untilDisconnected(_ body: @escaping @Sendable () async throws -> Void) async {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await body() }
                group.addTask { for await _ in ends { return } }
                await group.next()
                group.cancelAll()
            }
        }
        await untilDisconnected {
            var last: Int64 = -1
            for try await message in client.subscribe(id: "a", from: .committed) {
                if message.offset < 0 || (last >= 0 && message.offset <= last) {
                    wrong.withLock { $0 = "message \(message.offset) after \(last)" }
                }
                last = message.offset
            }
        }
        await untilDisconnected {
            let offsets = try await client.publish([Array("1".utf8), Array("2".utf8)])
            if offsets.count != 2 || offsets.contains(where: { $0 < 0 }) {
                wrong.withLock { $0 = "published at \(offsets)" }
            }
            // Over the same connection, which is there as long as nothing was wrong with it.
            if let newest = try? await client.newestOffset(), newest < -1 {
                wrong.withLock { $0 = "the newest message is \(newest)" }
            }
        }
        await client.close(within: .zero)
        end.finish()
        return wrong.withLock { $0 }
    }
}

/// Answers a client's hello if it is polite, waits for one more request, sends its bytes, and ends the connection; again for each.
private final class HostileServer: Sendable {
    let port: Int
    private let descriptor: Int32
    private let isPolite: Bool
    private let stream: [UInt8]

    init(isPolite: Bool, stream: [UInt8]) throws {
        let (descriptor, address) = try Socket.listen(host: "127.0.0.1", port: 0)
        self.descriptor = descriptor
        self.isPolite = isPolite
        self.stream = stream
        port = address.port
        _ = fcntl(descriptor, F_SETFL, 0)
        try startThread(name: "hostile") { [self] in serve() }
    }

    private func serve() {
        while true {
            let accepted = accept(descriptor, nil, nil)
            if accepted < 0, errno == EINTR { continue }
            guard accepted >= 0 else { break }
            let peer = FramePeer(accepted: accepted)
            guard peer.next() != nil else { continue }
            if isPolite {
                peer.send(#"{"type":"response","success":true,"request_id":0,"max_frame_bytes":65536}"#)
                guard peer.next() != nil else { continue }
                if !stream.starts(with: Array("none".utf8)) {
                    peer.send(#"{"type":"response","success":true,"request_id":1,"offset":0}"#)
                }
            }
            peer.send(stream)
            peer.endSending()
            // So that all of it arrives before the connection is reset.
            _ = peer.rest()
        }
        close(descriptor)
    }

    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
