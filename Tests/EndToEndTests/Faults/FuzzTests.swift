import FaultSupport
import Foundation
import TelemetryMQ
import Testing

/// Frames that a client could send, and what becomes of them in bad hands; a seed makes the same ones again.
private struct FrameMutator {
    var random: SeededRandom

    private static let frames: [String] = [
        #"{"type":"publish","payload":{"gpu":0,"value":97.5,"host":"node-1","tags":["a","b"]}}"#,
        #"{"type":"publish","request_id":"r1","producer_id":"fuzz","sequence":7,"payload":"text with \u00e9 and \\ and é"}"#,
        #"{"type":"publish","request_id":17,"producer_id":"fuzz","sequence":8,"payloads":[1,-2.5e10,null,true,{"a":{}},[[]]]}"#,
        #"{"payload":{"type":"message"},"type":"publish"}"#,
        #"{"type":"subscribe","subscriber_id":"fuzz","offset":-2}"#,
        #"{"type":"subscribe","subscriber_id":"fuzz","offset":"committed","request_id":3}"#,
        #"{"type":"subscribe","subscriber_id":"fuzz","timestamp":1732380000000000}"#,
        #"{"type":"unsubscribe","subscriber_id":"fuzz"}"#,
        #"{"type":"ack","subscriber_id":"fuzz","offset":3}"#,
        #"{"type":"ack","message_id":"3"}"#,
        #"{"type":"nack","message_id":"3"}"#,
        #"{"type":"hello","client_id":"fuzz","token":"none","keepalive_ms":100000}"#,
        #"{"type":"get_stats"}"#, #"{"type":"ping","request_id":1}"#, #"{"type":"pong"}"#,
    ]

    /// Some frames, one behind the other, with something wrong with them.
    mutating func stream() -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) { bytes += frame() }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: flip(&bytes)
        case 1: bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
        default: break
        }
        return bytes
    }

    private mutating func frame() -> [UInt8] {
        var body = Array(Self.frames.randomElement(using: &random)!.utf8)
        switch Int.random(in: 0..<11, using: &random) {
        case 0: flip(&body)
        case 1: body.removeLast(Int.random(in: 0...body.count, using: &random))
        case 2: splice(&body)
        case 3: repeatPart(&body)
        case 4: body = bomb()
        case 5:
            insert([0xC0, 0xED, 0xF5, 0x80, 0xFF, 0x00, 0x1F, 0x22, 0x5C].randomElement(using: &random)!, into: &body)
        case 6:
            body = Array(
                #"{"type":"publish","payload":"\#(String(repeating: "x", count: Int.random(in: 1...90_000, using: &random)))"}"#
                    .utf8)
        case 7: return length(of: body) + body
        default: break
        }
        return withUnsafeBytes(of: UInt32(body.count).bigEndian) { Array($0) } + body
    }

    private mutating func flip(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
    }

    /// The front of one frame and the end of another.
    private mutating func splice(_ body: inout [UInt8]) {
        let other = Array(Self.frames.randomElement(using: &random)!.utf8)
        body =
            Array(body[..<Int.random(in: 0...body.count, using: &random)])
            + other[Int.random(in: 0...other.count, using: &random)...]
    }

    private mutating func repeatPart(_ body: inout [UInt8]) {
        let start = Int.random(in: 0..<body.count, using: &random)
        let end = Int.random(in: start..<body.count, using: &random)
        body.insert(contentsOf: body[start...end], at: start)
    }

    private mutating func insert(_ byte: UInt8, into body: inout [UInt8]) {
        body.insert(byte, at: Int.random(in: 0...body.count, using: &random))
    }

    private mutating func bomb() -> [UInt8] {
        let opening = ["[", #"{"a":"#, #"[{"a":["#].randomElement(using: &random)!
        let depth = [100, 129, 10_000, 100_000].randomElement(using: &random)!
        return Array((#"{"type":"publish","payload":"# + String(repeating: opening, count: depth)).utf8)
    }

    /// Not the right one: zero, negative, beyond any limit, or nearly right.
    private mutating func length(of body: [UInt8]) -> [UInt8] {
        let wrong: [UInt32] = [
            0, 1, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF, 1 << 20, (1 << 20) + 1, UInt32(body.count - 1),
            UInt32(body.count + 1),
        ]
        return withUnsafeBytes(of: wrong.randomElement(using: &random)!.bigEndian) { Array($0) }
    }

    /// The bytes in pieces, at times of one byte each.
    mutating func pieces(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        let most = [1, 7, 100, 1 << 20].randomElement(using: &random)!
        guard most > 1 || bytes.count < 2000 else { return [bytes[...]] }
        var pieces: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...most, using: &random))
            pieces.append(piece)
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }
}

@Suite("mq-server and clients that send nonsense", .timeLimit(.minutes(30)))
struct FuzzTests {
    /// Rounds of three connections that send nonsense at the same time.
    static let count = CrashTests.isLong ? CrashTests.rounds * 10 : 150

    @Test(
        "each connection comes to its end, and a client beside them is served as if it were alone",
        arguments: ["always", "interval:10ms"])
    func fuzz(sync: String) async throws {
        let seed =
            ProcessInfo.processInfo.environment["FAULT_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...UInt64.max)
        var mutator = FrameMutator(random: SeededRandom(seed: seed))
        try await Stage.run { stage in
            let directory = stage.path("log")
            let queue = try await stage.startQueue([
                "MQ_DATA_DIR": directory, "MQ_SYNC": sync, "MQ_MAX_FRAME_BYTES": "1MiB", "MQ_SEGMENT_BYTES": "256KiB",
            ])
            let good = try RawPeer(port: queue.port)
            let reader = try RawPeer(port: queue.port)
            _ = try reader.ask(#"{"type":"subscribe","subscriber_id":"good","offset":0}"#)
            var next: Int64 = 0

            for n in 0..<Self.count {
                let comment: Comment = "FAULT_SEED=\(seed), MQ_SYNC=\(sync), round \(n)"
                let bad = try (0..<3).map { _ in try RawPeer(port: queue.port) }
                var rest = bad.map { _ in mutator.pieces(mutator.stream())[...] }
                // Small payloads are copied by the server, large ones are written from where they were received.
                let payload = #"{"n":\#(n),"text":"\#(String(repeating: "g", count: n % 3 == 0 ? 20_000 : 10))"}"#
                let publish =
                    #"{"type":"publish","request_id":\#(n),"producer_id":"good","sequence":\#(n),"payload":\#(payload)}"#
                // In turn, so that the server has a piece of each at the same time, and the sound frame amid them.
                try good.sendBytes(Array(RawPeer.frame(publish).prefix(30)))
                while rest.contains(where: { !$0.isEmpty }) {
                    for (place, peer) in bad.enumerated() {
                        guard let piece = rest[place].popFirst() else { continue }
                        do { try peer.sendBytes(Array(piece)) } catch is RawPeer.Closed {}
                    }
                }
                try good.sendBytes(Array(RawPeer.frame(publish).dropFirst(30)))
                for peer in bad { peer.endSending() }

                let answer = members(try good.receive())
                try #require(answer["request_id"] as? Int == n, comment)
                let offset = try #require(answer["offset"] as? Int64, comment)
                while next <= offset {
                    try expectSound(reader.receiveFrame(), next, next == offset ? payload : nil, comment)
                    next += 1
                }
                // What was sent is answered or not; then the connection ends, and does not hang.
                for peer in bad { try #require(peer.endsByItself, comment) }
                // All of this blocks its thread, of which the tests have few.
                await Task.yield()
            }
            #expect(await queue.process.terminate() == 0)
            #expect(try LogInspection(directory: directory).problems == [], "FAULT_SEED=\(seed)")
        }
    }

    /// A message with this offset, of which the payload is known or is any JSON.
    private func expectSound(_ frame: [UInt8], _ offset: Int64, _ payload: String?, _ comment: Comment) throws {
        let head = String(decoding: frame.dropFirst(4).prefix(400), as: UTF8.self)
        let message = try #require(
            try? JSONSerialization.jsonObject(with: Data(frame.dropFirst(4))) as? [String: Any], "\(comment): \(head)")
        try #require(message["type"] as? String == "message" && message["offset"] as? Int64 == offset, comment)
        let known: Set = ["type", "message_id", "offset", "timestamp", "producer_id", "sequence", "payload", "crc32c"]
        #expect(Set(message.keys).isSubset(of: known), "\(comment): \(head)")
        if let payload {
            #expect(
                String(decoding: frame, as: UTF8.self).contains(#","payload":\#(payload),"crc32c":""#),
                "\(comment): \(head)")
        }
    }
}
