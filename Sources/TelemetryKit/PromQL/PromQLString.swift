/// Quoted strings, with the escapes of Go, as in PromQL. Between backticks there are no escapes.
enum PromQLString {
    /// Parses from the opening quote at `at` to the position after the closing one.
    static func read(_ query: [UInt8], _ at: inout Int) throws(PromQLError) -> String {
        let start = at
        let quote = query[at]
        var value: [UInt8] = []
        at += 1
        while at < query.count, query[at] != quote {
            if quote != UInt8(ascii: "`") {
                if query[at] == UInt8(ascii: "\n") { break }
                if query[at] == UInt8(ascii: "\\") {
                    try readEscape(query, &at, quote, into: &value)
                    continue
                }
            }
            value.append(query[at])
            at += 1
        }
        guard at < query.count, query[at] == quote else { throw .at(start, of: query, "the string is not closed") }
        at += 1
        guard let text = String(validating: value, as: UTF8.self) else {
            throw .at(start, of: query, "the string is not UTF-8")
        }
        return text
    }

    private static func readEscape(_ query: [UInt8], _ at: inout Int, _ quote: UInt8, into value: inout [UInt8])
        throws(PromQLError)
    {
        let start = at
        guard at + 1 < query.count else { throw .at(start, of: query, "the string is not closed") }
        let letter = query[at + 1]
        at += 2
        switch letter {
        case UInt8(ascii: "a"): value.append(7)
        case UInt8(ascii: "b"): value.append(8)
        case UInt8(ascii: "f"): value.append(12)
        case UInt8(ascii: "n"): value.append(10)
        case UInt8(ascii: "r"): value.append(13)
        case UInt8(ascii: "t"): value.append(9)
        case UInt8(ascii: "v"): value.append(11)
        case UInt8(ascii: "\\"), quote: value.append(letter)
        case UInt8(ascii: "x"): value.append(UInt8(try number(query, &at, digits: 2, radix: 16, from: start)))
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            at -= 1
            guard let byte = UInt8(exactly: try number(query, &at, digits: 3, radix: 8, from: start)) else {
                throw .at(start, of: query, "the escape exceeds one byte")
            }
            value.append(byte)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let code = try number(query, &at, digits: letter == UInt8(ascii: "u") ? 4 : 8, radix: 16, from: start)
            guard let scalar = Unicode.Scalar(code) else {
                throw .at(start, of: query, "the escape is not a valid Unicode character")
            }
            value += Array(String(scalar).utf8)
        default: throw .at(start, of: query, "unknown escape \\\(String(decoding: [letter], as: UTF8.self))")
        }
    }

    private static func number(
        _ query: [UInt8], _ at: inout Int, digits: Int, radix: Int, from start: Int
    ) throws(PromQLError) -> UInt32 {
        let text = query[at..<min(at + digits, query.count)]
        let isPlain = text.allSatisfy { $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }
        guard text.count == digits, isPlain, let value = UInt32(String(decoding: text, as: UTF8.self), radix: radix)
        else {
            throw .at(start, of: query, "the escape needs \(digits) digits in base \(radix)")
        }
        at += digits
        return value
    }
}
