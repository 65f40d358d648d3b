import FaultSupport
import TelemetryBase
import Testing

@testable import TelemetryMQClient
@testable import TelemetryMQServer

@Suite("What the client decides, without a socket")
struct ClientStateTests {
    private func queue(_ count: Int, maxSent: Int = 512) -> PublishQueue<Int> {
        var queue = PublishQueue<Int>(maxSent: maxSent)
        for n in 0..<count { _ = queue.add([Array("\(n)".utf8)], isMany: false, n) }
        return queue
    }

    private func sendAll(_ queue: inout PublishQueue<Int>) -> [Int64] {
        var sent: [Int64] = []
        while let entry = queue.takeUnsent() { sent.append(entry.number) }
        return sent
    }

    @Test("sequence numbers count payloads, and stay with their request when it is sent again")
    func sequences() {
        var queue = PublishQueue<Int>(maxSent: 10)
        _ = queue.add([[1], [2], [3]], isMany: true, 0)
        _ = queue.add([[4]], isMany: false, 1)
        for _ in 0..<2 {
            #expect(queue.takeUnsent()?.sequence == 1)
            #expect(queue.takeUnsent()?.sequence == 4)
            #expect(queue.takeUnsent() == nil)
            queue.connectionLost()
        }
    }

    @Test("after a lost connection exactly the unanswered are sent again, in order")
    func resending() {
        var queue = queue(6)
        #expect(sendAll(&queue) == [1, 2, 3, 4, 5, 6])
        for number: Int64 in [1, 2, 4] { #expect(queue.finish(number)?.waiter == Int(number) - 1) }
        queue.connectionLost()
        #expect(sendAll(&queue) == [3, 5, 6])
        for number: Int64 in [3, 5, 6] { #expect(queue.finish(number) != nil) }
        #expect(queue.isEmpty)
    }

    @Test("no more requests are on the wire than the server is sure to remember")
    func limit() {
        var queue = queue(5, maxSent: 2)
        #expect(sendAll(&queue) == [1, 2])
        #expect(queue.finish(1) != nil)
        #expect(sendAll(&queue) == [3])
        queue.connectionLost()
        #expect(sendAll(&queue) == [2, 3])
    }

    @Test("a cancelled request that was not sent never is; a sent one keeps its place until its answer")
    func cancelling() {
        var queue = queue(3, maxSent: 1)
        #expect(sendAll(&queue) == [1])
        #expect(queue.cancel(2) == 1)
        #expect(queue.cancel(2) == nil)
        #expect(queue.cancel(1) == 0)
        #expect(!queue.isEmpty)
        queue.connectionLost()
        #expect(sendAll(&queue) == [1], "it may be stored: sent again, it cannot be disordered")
        let entry = queue.finish(1)
        #expect(entry != nil && entry?.waiter == nil)
        #expect(sendAll(&queue) == [3])
        #expect(queue.finish(3)?.waiter == 2)
        #expect(queue.isEmpty)
    }

    @Test("answers to nothing, and second answers, are ignored")
    func strayAnswers() {
        var queue = queue(3)
        #expect(queue.finish(1) == nil, "not sent yet")
        _ = sendAll(&queue)
        #expect(queue.finish(0) == nil)
        #expect(queue.finish(99) == nil)
        #expect(queue.finish(2) != nil)
        #expect(queue.finish(2) == nil)
        #expect(queue.takeAll() == [0, 2])
        #expect(queue.isEmpty)
        #expect(queue.finish(1) == nil)
    }

    @Test(
        "any mix of sending, answers, cancellation and broken connections tells every caller once, and sends in order",
        arguments: 0..<50 as Range<UInt64>)
    func anyOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = PublishQueue<Int>(maxSent: 7)
        var told = Set<Int>()
        var added = 0
        var onWire: [Int64] = []
        func tell(_ waiter: Int) { #expect(told.insert(waiter).inserted) }
        for _ in 0..<2000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                _ = queue.add(Array(repeating: [48], count: Int.random(in: 1...3, using: &random)), isMany: true, added)
                added += 1
            case 4...5:
                while let entry = queue.takeUnsent() {
                    #expect(onWire.last.map { $0 < entry.number } ?? true)
                    onWire.append(entry.number)
                }
                #expect(onWire.count <= 7)
            case 6...7:
                guard !onWire.isEmpty else { break }
                if let waiter = queue.finish(onWire.removeFirst())?.waiter { tell(waiter) }
            case 8:
                if added > 0, let waiter = queue.cancel(Int64.random(in: 1...Int64(added), using: &random)) {
                    tell(waiter)
                }
            default:
                onWire = []
                queue.connectionLost()
            }
        }
        for waiter in queue.takeAll() { tell(waiter) }
        #expect(told.count == added)
    }

    private func answer(_ offset: Int64, isReset: Bool = false) -> ServerFrame.Answer {
        var answer = ServerFrame.Answer()
        answer.offset = offset
        answer.isLogReset = isReset
        return answer
    }

    private func requestedStart(of point: ResumePoint) -> String {
        let object = ByteWriter.json { json in json.object { point.appendRequestedStart(to: &$0) } }
        return String(decoding: object.dropFirst().dropLast(), as: UTF8.self)
    }

    @Test("a subscription asks for its start, then for what it expects next")
    func resumePoint() {
        let starts: [(MQClient.StartPosition, String)] = [
            (.earliest, #""offset":-2"#), (.latest, #""offset":-1"#), (.offset(7), #""offset":7"#),
            (.offset(-9), #""offset":0"#),
            (.committed, #""offset":"committed""#),
            (.timestamp(Timestamp(nanoseconds: 1_732_380_000_000_000_000)), #""timestamp":1732380000000000"#),
        ]
        for (start, text) in starts {
            var point = ResumePoint(start: start)
            #expect(requestedStart(of: point) == text)
            #expect(point.begins(answer(40)).contradiction == nil)
            #expect(requestedStart(of: point) == #""offset":40"#)
            #expect(point.receive(40) == .deliver)
            #expect(point.receive(40) == .repeated)
            #expect(point.receive(42) == .gap(expected: 41))
            #expect(point.receive(41) == .deliver)
            #expect(requestedStart(of: point) == #""offset":42"#)
            #expect(point.begins(answer(0, isReset: true)).reset != nil)
            #expect(point.receive(0) == .deliver)
        }
    }

    @Test(
        "frames are read by their members, whatever their order; what is no frame is refused",
        arguments: [
            (#"{"type":"response","success":true,"request_id":5,"offset":9}"#, "response 5 9"),
            (#"{"offset":9,"request_id":5,"x":[{}],"type":"response"}"#, "response 5 9"),
            (#"{"type":"response","request_id":"text"}"#, "response - -"),
            (#"{"type":"error","error":"e\"1","code":"storage_full","request_id":-3}"#, "error -3 storage_full e\"1"),
            (#"{"type":"error","error":"old server"}"#, "error -  old server"),
            (#"{"type":"message","offset":3,"payload":[1]}"#, "message 3 0 3"), (#"{"type":"ping"}"#, "ping"),
            (#"{"type":"pong","request_id":1}"#, "pong"), (#"{"type":"later"}"#, "unknown"),
            (#"{"type":"message","offset":3}"#, "unknown"),
            ("", "refused"), ("{}", "refused"), ("[]", "refused"), (#"{"type":"ping"} x"#, "refused"),
            (#"{"type":7}"#, "refused"),
            (#"{"type":"response","offset":"9"}"#, "refused"),
            (#"{"type":"message","message_id":"7","offset":7,"timestamp":1,"payload":1}"#, "message 7 1 1"),
        ])
    func frames(body: String, expected: String) {
        let read = RawPeer.frame(body).withUnsafeBytes { frame -> String in
            func text(_ number: Int64?) -> String { number.map { "\($0)" } ?? "-" }
            guard let parsed = try? ServerFrame.parse(frame) else { return "refused" }
            return switch parsed {
            case .response(let answer): "response \(text(answer.requestID)) \(text(answer.offset))"
            case .error(let refusal): "error \(text(refusal.requestID)) \(refusal.code) \(refusal.text)"
            case .message(let offset, let timestamp, let payload): "message \(offset) \(timestamp) \(payload.count)"
            case .ping: "ping"
            case .pong: "pong"
            case .unknown: "unknown"
            }
        }
        #expect(read == expected)
    }
}

/// SplitMix64: the same numbers for the same seed.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
