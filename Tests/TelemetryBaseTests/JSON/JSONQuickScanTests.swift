import FaultSupport
import TelemetryBase
import Testing

@Suite("JSON, scanned quickly")
struct JSONQuickScanTests {
    static let texts = [
        #"{"a":1}"#,
        #"{"name":"DCGM_FI_DEV_GPU_UTIL","gpu":0,"value":97.5,"list":[1,-2.5e3,"x",true,false,null,{}],"o":{"p":[]}}"#,
        #"[[],[[]],{"a":{"b":{"c":[1,2,3]}}}]"#, #""a string with \" and \\ and \n in it, longer than a block""#,
        "12345678901234567890123",
        "-0.125E+17", "[ 1 , 2 ,\t3\r\n]", "{ \"a\" : { } , \"b\" : [ ] }", #""smile \ud83d\ude00 and ü and 日本語""#,
        "true", "[false,null]", "0", "-1",
        #""""#, "[]", "{}", String(repeating: "[", count: 70) + String(repeating: "]", count: 70),
    ]

    @Test("what it steps over, the descent steps over to the same place, for every text, every cut and any mutation")
    func agreesWithDescent() {
        var random = SeededRandom(seed: 7)
        var quick = 0
        func check(_ bytes: [UInt8]) {
            bytes.withUnsafeBytes { buffer in
                var one = JSONScanner(buffer)
                guard one.scanValueQuickly(depth: 128) else {
                    #expect(one.position == 0)
                    return
                }
                quick += 1
                var other = JSONScanner(buffer)
                let descends = (try? other.scanAnyValue(depth: 128)) != nil
                #expect(descends && other.position == one.position, "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
        for text in Self.texts {
            // Texts shorter than a block are left to the other way.
            let whole = Array(text.utf8) + Array(",                ".utf8)
            for length in 0...whole.count { check(Array(whole[..<length])) }
            for _ in 0..<3000 {
                var mutated = whole
                for _ in 0...Int(random.next() % 3) {
                    let place = Int(random.next() % UInt64(mutated.count))
                    switch random.next() % 4 {
                    case 0: mutated[place] = UInt8(truncatingIfNeeded: random.next())
                    case 1: mutated[place] = Array(#"{}[]",:\0123456789.eE+-tfnu "#.utf8)[Int(random.next() % 28)]
                    case 2: mutated.remove(at: place)
                    default: mutated.insert(mutated[Int(random.next() % UInt64(mutated.count))], at: place)
                    }
                }
                check(mutated)
            }
        }
        #expect(quick > 1000)
    }

    @Test("plain JSON takes the quick way to its end")
    func takesPlainJSON() {
        for text in Self.texts.prefix(8) {
            let bytes = Array(text.utf8) + Array("                ".utf8)
            let end = bytes.withUnsafeBytes { buffer -> Int in
                var scanner = JSONScanner(buffer)
                return scanner.scanValueQuickly(depth: 128) ? scanner.position : 0
            }
            #expect(end == text.utf8.count, "\(text)")
        }
    }

    @Test("depth is limited as by the descent")
    func depth() {
        for depth in 1...70 {
            let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(JSON.validate(Array(text.utf8), maxDepth: depth) == nil)
            #expect(JSON.validate(Array(text.utf8), maxDepth: depth - 1) != nil)
        }
    }
}

extension JSON {
    fileprivate static func validate(_ bytes: [UInt8], maxDepth: Int) -> JSONError? {
        bytes.withUnsafeBytes { validate($0, maxDepth: maxDepth) }
    }
}
