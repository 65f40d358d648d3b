import FaultSupport
import TelemetryBase
import Testing

@testable import TelemetryMQProtocol
@testable import TelemetryMQServer

@Suite("Publish frames, read quickly")
struct PublishFrameTests {
    static let frames = [
        #"{"type":"publish","payload":{"a":[1,2,{"b":"c"}]}}"#,
        #"{"type":"publish","request_id":1234567,"payload":{"name":"DCGM_FI_DEV_GPU_UTIL","value":97.5}}"#,
        #"{"type":"publish","request_id":"abc","producer_id":"p-1","sequence":42,"payloads":[{"a":1},[2],"three",4,null]}"#,
        #"{"type":"publish","producer_id":"p-1","sequence":0,"payload":"text","request_id":7}"#,
    ]

    /// All that matters of a frame, as text.
    private func describe(_ frame: PublishFrame, _ payloads: [UnsafeRawBufferPointer]) -> String {
        func text(_ bytes: UnsafeRawBufferPointer?) -> String {
            bytes.map { String(decoding: $0, as: UTF8.self) } ?? "-"
        }
        return
            "\(text(frame.requestID)) \(text(frame.producerID)) \(frame.sequence ?? -1) \(text(frame.payload)) \(frame.isMany ? payloads.map { text($0) } : [])"
    }

    private func quickly(_ frame: [UInt8]) -> String? {
        frame.withUnsafeBytes { bytes in
            var payloads: [UnsafeRawBufferPointer] = []
            return PublishFrame(quickly: bytes, payloads: &payloads).map { describe($0, payloads) }
        }
    }

    private func thoroughly(_ frame: [UInt8]) -> String? {
        frame.withUnsafeBytes { bytes in
            var parser = RequestParser()
            guard (try? parser.parse(bytes)) != nil, parser.request.kind == .publish, !parser.payloads.isEmpty else {
                return nil
            }
            return describe(PublishFrame(parser.request, parser.payloads), parser.payloads)
        }
    }

    @Test("frames as clients write them are read quickly, and as the parser reads them", arguments: frames)
    func plain(frame: String) throws {
        let read = try #require(quickly(Array(frame.utf8)))
        #expect(read == thoroughly(Array(frame.utf8)))
    }

    @Test("no mutation is read in another way than the parser does, or where that refuses it")
    func mutations() {
        var random = SeededRandom(seed: 11)
        var accepted = 0
        let pieces = [
            #","sequence":5"#, #","payload":1"#, #","type":"ack""#, #","request_id":01"#, #","request_id":1.5"#, "}",
            "{", "\"", ",", " ", "\\", "é",
            #""producer_id":"""#, "9999999999999999999", "-1", "[", "]", #","payloads":[]"#,
        ]
        for text in Self.frames {
            for _ in 0..<8000 {
                var frame = Array(text.utf8)
                for _ in 0...Int(random.next() % 3) {
                    let place = Int(random.next() % UInt64(frame.count))
                    switch random.next() % 4 {
                    case 0: frame[place] = UInt8(truncatingIfNeeded: random.next())
                    case 1: frame.removeSubrange(place..<min(frame.count, place + 1 + Int(random.next() % 6)))
                    case 2:
                        frame.insert(
                            contentsOf: Array(pieces[Int(random.next() % UInt64(pieces.count))].utf8), at: place)
                    default: frame[place] = UInt8(ascii: "0") + UInt8(random.next() % 10)
                    }
                    if frame.isEmpty { frame = [UInt8(ascii: "{")] }
                }
                guard let quick = quickly(frame) else { continue }
                accepted += 1
                #expect(quick == thoroughly(frame), "\(String(decoding: frame, as: UTF8.self))")
            }
        }
        #expect(accepted > 1000)
    }
}
