import Testing

@testable import TelemetryBase

private func check(_ text: String) -> JSONError? {
    Array(text.utf8).withUnsafeBytes { JSON.validate($0) }
}

@Suite("JSON bytes")
struct JSONTests {
    @Test(
        "every valid text of RFC 8259 passes",
        arguments: [
            "0", "-0", "1.5e+10", "-12.25E-3", "\"\"", "\"aé€𝄞\"", "\"\\u00e9\\ud834\\udd1e\\n\\/\"", "[]", "{}",
            " [ 1 , 2 ] ",
            "{\"a\":{\"b\":[true,false,null]}}", "\t\r\n1", "\"12345678901234567890\\\\\"",
        ])
    func valid(text: String) { #expect(check(text) == nil) }

    @Test(
        "every broken text is refused",
        arguments: [
            "", " ", "01", "-", "1.", ".5", "+1", "1e", "tru", "nul", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}",
            "{\"a\":1,}", "{a:1}",
            "\"", "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "1 2", "[", "]",
            "\"a\tb\"", "'a'",
            "NaN", "Infinity", "{\"a\":1}}", "{,}",
        ])
    func invalid(text: String) { #expect(check(text) != nil) }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xC3], [0xE2, 0x82], [0xFF],
        ] as [[UInt8]])
    func notUTF8(bytes: [UInt8]) {
        let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        #expect(text.withUnsafeBytes { JSON.validate($0) } != nil)
    }

    @Test("a control character is found at every place of a string")
    func controlCharacterAnywhere() {
        for length in 1..<40 {
            for place in 0..<length {
                for bad: UInt8 in [0, 0x1F, 0x0A] {
                    var text = [UInt8](repeating: UInt8(ascii: "x"), count: length + 2)
                    text[0] = UInt8(ascii: "\"")
                    text[length + 1] = UInt8(ascii: "\"")
                    #expect(text.withUnsafeBytes { JSON.validate($0) } == nil)
                    text[1 + place] = bad
                    #expect(text.withUnsafeBytes { JSON.validate($0) }?.offset == 1 + place)
                }
            }
        }
    }

    @Test("nesting is bounded and does not exhaust the stack")
    func depth() {
        #expect(check(String(repeating: "[", count: 100) + String(repeating: "]", count: 100)) == nil)
        #expect(check(String(repeating: "[", count: 1_000_000))?.reason == "containers nest too deep")
    }

    @Test("a reader returns what the text holds, in order")
    func reader() throws {
        let text = Array(
            #"{"a":[1,-2,[ ],{}],"b\n":"x\u0041\ud834\udd1e","c":1.25,"d":true,"e":null,"f":{"g":[{"h":1}]}}"#.utf8)
        try text.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.beginObject()
            #expect(try reader.nextKey()! == "a")
            try reader.beginArray()
            #expect(try reader.nextElement())
            #expect(try reader.readInt64() == 1)
            #expect(try reader.nextElement())
            #expect(try reader.readInt64() == -2)
            #expect(try reader.nextElement())
            try reader.beginArray()
            #expect(try !reader.nextElement())
            #expect(try reader.nextElement())
            try reader.beginObject()
            #expect(try reader.nextKey() == nil)
            #expect(try !reader.nextElement())
            #expect(try reader.nextKey()!.string == "b\n")
            #expect(try reader.readString() == "xA𝄞")
            #expect(try reader.nextKey()! == "c")
            #expect(try reader.readDouble() == 1.25)
            #expect(try reader.nextKey()! == "d")
            #expect(try reader.readBool())
            #expect(try reader.nextKey()! == "e")
            try reader.readNull()
            #expect(try reader.nextKey()! == "f")
            let range = try reader.skipValue()
            #expect(String(decoding: text[range], as: UTF8.self) == #"{"g":[{"h":1}]}"#)
            #expect(try reader.nextKey() == nil)
            try reader.finish()
        }
    }

    @Test("a trailing comma is refused by the reader too")
    func trailingComma() {
        Array("[1,]".utf8).withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            #expect(throws: JSONError.self) {
                try reader.beginArray()
                while try reader.nextElement() { _ = try reader.readInt64() }
            }
        }
    }

    @Test("integers keep all 64 bits, and no more")
    func integers() throws {
        func read(_ text: String) throws -> Int64 {
            try Array(text.utf8).withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                return try reader.readInt64()
            }
        }
        #expect(try read("9223372036854775807") == .max)
        #expect(try read("-9223372036854775808") == .min)
        #expect(throws: JSONError.self) { try read("9223372036854775808") }
        #expect(throws: JSONError.self) { try read("1.0") }
        #expect(throws: JSONError.self) { try read("18446744073709551616") }
    }

    @Test("every Double that is written reads back the same")
    func doubles() {
        var generator = SystemRandomNumberGenerator()
        var values: [Double] = [
            0, -0.0, 1, -1, 0.1, 156.596, 71.483, 1e15, 9_007_199_254_740_991, 9_007_199_254_740_994, 1e22, 1e23,
            .leastNonzeroMagnitude, .greatestFiniteMagnitude,
            0.1 + 0.2, 1.0 / 3, 123456.789,
        ]
        for _ in 0..<50_000 {
            let any = Double(bitPattern: generator.next())
            if any.isFinite { values.append(any) }
            values.append((Double.random(in: -1e6...1e6) * 1000).rounded() / 1000)
        }
        for value in values {
            var writer = ByteWriter()
            writer.appendDouble(value)
            let back = writer.bytes.withUnsafeBytes { parseDouble($0) }
            #expect(back?.bitPattern == value.bitPattern)
            #expect(writer.bytes.withUnsafeBytes { JSON.validate($0) } == nil)
        }
        var writer = ByteWriter()
        writer.appendDouble(156.596)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "156.596")
    }

    @Test(
        "texts that are no numbers are refused",
        arguments: ["", "NaN", "inf", "1x", "--1", "1e", ".", "0x10", " 1", "1 ", "1_0", "N/A"])
    func notNumbers(text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { parseDouble($0) } == nil)
    }

    @Test("a string that is written reads back the same")
    func strings() throws {
        let text = "quote \" backslash \\ newline \n nul \0 bell \u{7} é 𝄞"
        var writer = ByteWriter()
        writer.appendJSONString(text)
        let back = try writer.bytes.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            return try reader.readString()
        }
        #expect(back == text)
    }
}
