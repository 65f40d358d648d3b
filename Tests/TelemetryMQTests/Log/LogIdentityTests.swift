import Foundation
import TelemetryBase
import Testing

@testable import TelemetryMQLog
@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("The identity of a log")
struct LogIdentityTests {
    private func text(_ bytes: [UInt8], _ body: (JSONText) -> Void) {
        bytes.withUnsafeBytes { body(JSONText(raw: $0, hasEscapes: false)) }
    }

    @Test("an offset that was read in an epoch stays valid up to where any later epoch began, and no farther")
    func epochs() {
        var identity = LogIdentity.random()
        // The first server stored 100 messages, the second 50 more, the third found 120, the fourth 60.
        for (epoch, end) in [(1, 0), (2, 100), (3, 120), (4, 60)] as [(UInt64, Int64)] {
            identity.begin(epoch, nextOffset: end)
        }
        for (epoch, next, expected) in [
            (1, 0, .same), (1, 60, .same), (1, 61, .lostTail(end: 60)), (1, 100, .lostTail(end: 60)),
            (2, 60, .same), (2, 150, .lostTail(end: 60)), (2, .max, .lostTail(end: 60)), (3, 60, .same),
            (3, 61, .lostTail(end: 60)),
            // The log's end bounds the newest epoch, which the identity does not know.
            (4, .max, .same), (5, 0, .other), (5, .max, .other),
        ] as [(UInt64, Int64, LogIdentity.Standing)] {
            #expect(identity.standing(epoch: epoch, nextOffset: next) == expected, "\(epoch), \(next)")
        }
        #expect(identity.epochs.map(\.firstOffset) == [0, 60, 60, 60])
    }

    @Test("only the log's own id and a known epoch are this log; any other text is another")
    func names() {
        var identity = LogIdentity(id: Array("0123456789abcdef0123456789abcdef".utf8), epochs: [])
        identity.begin(0xAB, nextOffset: 0)
        text(identity.id) { id in
            #expect(identity.standing(logID: id, epoch: nil, nextOffset: 7) == .same)
            text(Array("00000000000000ab".utf8)) {
                #expect(identity.standing(logID: id, epoch: $0, nextOffset: nil) == .same)
            }
            for wrong in ["00000000000000AB", "ab", "", "00000000000000ab0", "zz000000000000ab"] {
                text(Array(wrong.utf8)) {
                    #expect(identity.standing(logID: id, epoch: $0, nextOffset: nil) == .other, "\(wrong)")
                }
            }
        }
        for wrong in ["", "0123456789abcdef0123456789abcdee", "0123456789ABCDEF0123456789ABCDEF", "none"] {
            text(Array(wrong.utf8)) {
                #expect(identity.standing(logID: $0, epoch: nil, nextOffset: nil) == .other, "\(wrong)")
            }
        }
    }

    @Test("what is written is read again; a file that is altered at any byte, or cut, is none")
    func file() {
        var identity = LogIdentity.random()
        for end in [0, 5, 5, 900] as [Int64] { identity.begin(nextOffset: end) }
        let json = identity.json
        #expect(LogIdentity(json: json) == identity)
        for place in json.indices {
            var altered = json
            altered[place] ^= 1 << UInt8(place % 8)
            #expect(LogIdentity(json: altered) == nil, "byte \(place)")
            #expect(LogIdentity(json: Array(json[..<place])) == nil, "cut to \(place)")
        }
    }

    @Test(
        "a sound checksum does not make numbers valid that no log has",
        arguments: [
            #"{"format":"identity/1","log_id":"0123456789abcdef0123456789abcdef","epochs":[["0123456789abcdef",-1]]"#,
            #"{"format":"identity/1","log_id":"0123456789abcdef0123456789abcdef","epochs":[["0123456789abcdef",9],["1123456789abcdef",8]]"#,
            #"{"format":"identity/1","log_id":"0123456789abcdef0123456789abcdef","epochs":[["0123456789abcdef",99999999999999999999]]"#,
            #"{"format":"identity/1","log_id":"0123456789abcdef","epochs":[]"#,
            #"{"format":"identity/2","log_id":"0123456789abcdef0123456789abcdef","epochs":[]"#,
            #"{"format":"identity/1","log_id":"0123456789abcdef0123456789abcdef","epochs":[["0123456789abcdef"]]"#,
            #"{"epochs":[]"#,
        ])
    func invalid(json: String) {
        var out = ByteWriter()
        out.append(json)
        out.appendChecksum(from: 0)
        #expect(LogIdentity(json: out.bytes) == nil)
    }

    @Test("the oldest epochs are forgotten, and count as another log's")
    func bounded() {
        var identity = LogIdentity.random()
        for epoch in 0..<3000 { identity.begin(UInt64(epoch), nextOffset: Int64(epoch)) }
        #expect(identity.epochs.count == LogIdentity.maxEpochs)
        #expect(identity.standing(epoch: 0, nextOffset: 0) == .other)
        #expect(identity.standing(epoch: 2999, nextOffset: 0) == .same)
    }
}

@Suite("Where a subscription begins")
struct SubscriptionStartTests {
    private func start(_ asked: Int64, _ standing: LogIdentity.Standing) -> SubscriptionStart {
        // Messages 10 to 99, of which 90 may be delivered.
        SubscriptionStart(asked: asked, standing: standing, oldest: 10, visible: 90, end: 100)
    }

    @Test("within the log it begins where it was asked, before it with the oldest message, and never skips silently")
    func sameLog() {
        for (asked, offset, skipped) in [(50, 50, 0), (10, 10, 0), (9, 10, 1), (0, 10, 10), (90, 90, 0), (100, 90, 0)]
            as [(Int64, Int64, Int64)]
        {
            let start = start(asked, .same)
            #expect(
                start.offset == offset && start.skipped == skipped && !start.isReset && start.rewound == nil, "\(asked)"
            )
        }
        for asked in [101, Int64.max] {
            #expect(start(asked, .same).offset == 10 && start(asked, .same).isReset)
        }
    }

    @Test("on another log it begins with the oldest message, wherever it was asked")
    func otherLog() {
        for asked in [0, 10, 50, 100, Int64.max] {
            #expect(start(asked, .other).offset == 10 && start(asked, .other).isReset, "\(asked)")
        }
    }

    @Test("on a log that lost its tail it begins where the tail began, and reports how far back that is")
    func lostTail() {
        let inside = start(70, .lostTail(end: 40))
        #expect(inside.offset == 40 && inside.rewound == 30 && inside.isReset && inside.skipped == 0)
        let extreme = start(.max, .lostTail(end: 40))
        #expect(extreme.offset == 40 && extreme.rewound == .max - 40)
        // Retention took what came in place of the tail.
        let gone = start(8, .lostTail(end: 5))
        #expect(gone.offset == 10 && gone.rewound == 0 && gone.skipped == 5)
    }
}
