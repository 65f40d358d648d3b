import Testing

@testable import TelemetryBase

@Suite("The JSON writer")
struct JSONWriterTests {
    /// What `write` writes, by way of both sinks; fails if they differ or if it is not valid JSON.
    private func text(
        _ toWriter: (inout JSONWriter<ByteWriter>) -> Void, _ toQueue: (inout JSONWriter<ByteQueue>) -> Void
    ) throws -> String {
        let bytes = ByteWriter.json(toWriter)
        var queue = ByteQueue()
        queue.append("before ")
        queue.appendJSON(toQueue)
        let queued = String(decoding: queue.bytes, as: UTF8.self)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(queued == "before " + text)
        try bytes.withUnsafeBytes {
            var reader = JSONReader($0)
            _ = try reader.skipValue()
            try reader.finish()
        }
        return text
    }

    private func everyKind<Sink: ByteSink & ~Copyable>(_ json: inout JSONWriter<Sink>) {
        json.object {
            $0.member("text", "a \"quoted\"\n\u{1}ü")
            $0.member("whole", -7)
            $0.member("least", Int64.min)
            $0.member("real", 2.5)
            $0.member("none", nil as Double?)
            $0.member("infinite", Double.infinity)
            $0.member("yes", true)
            $0.member("texts", ["a", "b"])
            $0.member("no_texts", [] as [String])
            $0.object("empty") { _ in }
            $0.object("inner") {
                $0.member("a", 1)
                $0.member("b", 2)
            }
            $0.array("objects", of: 1...2) { json, number in json.object { $0.member("n", number) } }
            $0.array("lists", of: 1...2) { json, count in
                json.array(of: 0..<count) { $0.value($1) }
            }
            $0.member("json", json: Array(#"{"made":"before"}"#.utf8))
            $0.member("digits", plainText: Array("0f".utf8))
            $0.key(text: "any \"name\"")
            $0.value(false)
        }
    }

    @Test("an object with every kind of member has the bytes that are written by hand, in both sinks")
    func everyKindOfMember() throws {
        let hand =
            #"{"text":"a \"quoted\"\n\u0001ü","whole":-7,"least":-9223372036854775808,"real":2.5,"none":null,"#
            + #""infinite":null,"yes":true,"texts":["a","b"],"no_texts":[],"empty":{},"inner":{"a":1,"b":2},"#
            + #""objects":[{"n":1},{"n":2}],"lists":[[0],[0,1]],"json":{"made":"before"},"digits":"0f","#
            + #""any \"name\"":false}"#
        #expect(try text(everyKind, everyKind) == hand)
    }

    private func empty<Sink: ByteSink & ~Copyable>(_ json: inout JSONWriter<Sink>) { json.array { _ in } }

    @Test("an empty container has no comma, and neither has what comes first after one")
    func emptyContainers() throws {
        #expect(try text(empty, empty) == "[]")
        let nested = ByteWriter.json { json in
            json.array {
                $0.array { _ in }
                $0.object { _ in }
                $0.value(1)
            }
        }
        #expect(String(decoding: nested, as: UTF8.self) == "[[],{},1]")
    }

    @Test("a queue escapes each byte as an array does")
    func escapes() {
        for scalar in (0...0xFF).map({ Unicode.Scalar(UInt8($0)) }) {
            let text = "a\(Character(scalar))b"
            var writer = ByteWriter()
            var queue = ByteQueue()
            writer.appendJSONString(text)
            queue.appendJSONString(text)
            #expect(writer.bytes == Array(queue.bytes))
        }
    }

    @Test("an object is read by its members' names, in any order, and each value exactly once")
    func readsObjects() throws {
        let bytes = Array(#"{"b":[1,2,3],"unknown":{"x":[]},"a":"text"}"#.utf8)
        var (text, numbers): (String, [Int64]) = ("", [])
        try bytes.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.readObject { name, reader throws(JSONError) in
                if name == "a" {
                    text = try reader.readString()
                } else if name == "b" {
                    try reader.readArray { reader throws(JSONError) in numbers.append(try reader.readInt64()) }
                } else {
                    _ = try reader.skipValue()
                }
            }
            try reader.finish()
        }
        #expect(text == "text")
        #expect(numbers == [1, 2, 3])
        #expect(throws: JSONError.self) {
            try Array(#"{"a":1,}"#.utf8).withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                try reader.readObject { _, reader throws(JSONError) in _ = try reader.skipValue() }
            }
        }
    }
}
