import Glibc

/// A string in a JSON text: the validated bytes between its quotes, with escapes unresolved.
///
/// Valid as long as the text that it was read from.
package struct JSONText {
    package var raw: UnsafeRawBufferPointer
    package var hasEscapes: Bool

    package init(raw: UnsafeRawBufferPointer, hasEscapes: Bool) {
        self.raw = raw
        self.hasEscapes = hasEscapes
    }

    /// The text with its escapes resolved.
    package var string: String {
        guard hasEscapes else { return String(decoding: raw, as: UTF8.self) }
        return String(decoding: resolved, as: UTF8.self)
    }

    package static func == (text: JSONText, literal: StaticString) -> Bool {
        if text.hasEscapes { return text.string == literal.description }
        return text.raw.count == literal.utf8CodeUnitCount
            && (text.raw.count == 0 || memcmp(text.raw.baseAddress!, literal.utf8Start, text.raw.count) == 0)
    }

    private var resolved: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(raw.count)
        var i = 0
        while i < raw.count {
            guard raw[i] == UInt8(ascii: "\\") else {
                out.append(raw[i])
                i += 1
                continue
            }
            let escape = raw[i + 1]
            i += 2
            switch escape {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = hex4(at: i)
                i += 4
                if scalar & 0xFC00 == 0xD800 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + hex4(at: i + 2) & 0x3FF
                    i += 6
                }
                out.append(contentsOf: UTF8.encode(Unicode.Scalar(scalar)!)!)
            default: out.append(escape)
            }
        }
        return out
    }

    private func hex4(at index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 << 4 | UInt32(hexValue(raw[index + $1])!) }
    }
}

/// Reads a JSON text value by value, in order, without building a tree.
///
/// The bytes must outlive the reader. Everything that is read or skipped is validated against RFC 8259; after an error
/// is thrown the reader must not be used any more.
package struct JSONReader {
    package enum Kind: Sendable {
        case object, array, string, number, bool, null
    }

    private var scanner: JSONScanner
    private var depth: Int
    /// No member or element of the innermost container has been read yet.
    private var justOpened = false

    package init(_ bytes: UnsafeRawBufferPointer, maxDepth: Int = 128) {
        scanner = JSONScanner(bytes)
        depth = maxDepth
    }

    /// The offset in bytes of the next token.
    package var position: Int { scanner.position }

    package func error(_ reason: String) -> JSONError { scanner.error(reason) }

    package mutating func peek() throws(JSONError) -> Kind {
        scanner.skipWhiteSpace()
        switch scanner.current {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw scanner.error("not a JSON value")
        }
    }

    package mutating func beginObject() throws(JSONError) {
        try open(UInt8(ascii: "{"), "an object was expected")
    }

    package mutating func beginArray() throws(JSONError) {
        try open(UInt8(ascii: "["), "an array was expected")
    }

    private mutating func open(_ bracket: UInt8, _ expectation: String) throws(JSONError) {
        scanner.skipWhiteSpace()
        guard scanner.current == bracket else { throw scanner.error(expectation) }
        guard depth > 0 else { throw scanner.error("containers nest too deep") }
        scanner.position += 1
        depth -= 1
        justOpened = true
    }

    /// Returns the next member's name, with the cursor before its value; `nil` at the end of the object.
    package mutating func nextKey() throws(JSONError) -> JSONText? {
        guard try advance(UInt8(ascii: "}"), "',' or '}' was expected") else { return nil }
        let key = try readText()
        scanner.skipWhiteSpace()
        guard scanner.current == UInt8(ascii: ":") else { throw scanner.error("':' was expected") }
        scanner.position += 1
        return key
    }

    /// Returns whether another element follows; `false` at the end of the array.
    package mutating func nextElement() throws(JSONError) -> Bool {
        try advance(UInt8(ascii: "]"), "',' or ']' was expected")
    }

    private mutating func advance(_ bracket: UInt8, _ expectation: String) throws(JSONError) -> Bool {
        scanner.skipWhiteSpace()
        if scanner.current == bracket {
            scanner.position += 1
            depth += 1
            justOpened = false
            return false
        }
        if justOpened {
            justOpened = false
        } else {
            guard scanner.current == UInt8(ascii: ",") else { throw scanner.error(expectation) }
            scanner.position += 1
            scanner.skipWhiteSpace()
            if scanner.current == bracket { throw scanner.error("a value was expected after ','") }
        }
        return true
    }

    package mutating func readText() throws(JSONError) -> JSONText {
        scanner.skipWhiteSpace()
        guard scanner.current == UInt8(ascii: "\"") else { throw scanner.error("a string was expected") }
        let start = scanner.position + 1
        let escapes = try scanner.scanString()
        justOpened = false
        return JSONText(
            raw: UnsafeRawBufferPointer(start: scanner.base + start, count: scanner.position - 1 - start),
            hasEscapes: escapes)
    }

    package mutating func readString() throws(JSONError) -> String {
        try readText().string
    }

    package mutating func readInt64() throws(JSONError) -> Int64 {
        scanner.skipWhiteSpace()
        let start = scanner.position
        let integral = try scanner.scanNumber()
        justOpened = false
        guard integral else { throw JSONError(offset: start, reason: "an integer was expected") }
        let negative = scanner.base[start] == UInt8(ascii: "-")
        let digits = UnsafeRawBufferPointer(
            start: scanner.base + start + (negative ? 1 : 0), count: scanner.position - start - (negative ? 1 : 0))
        guard let magnitude = parseDecimal(digits) else {
            throw JSONError(offset: start, reason: "the integer does not fit 64 bits")
        }
        if negative, magnitude == UInt64(Int64.max) + 1 { return Int64.min }
        guard let value = Int64(exactly: magnitude) else {
            throw JSONError(offset: start, reason: "the integer does not fit 64 bits")
        }
        return negative ? -value : value
    }

    /// Returns the nearest finite Double.
    package mutating func readDouble() throws(JSONError) -> Double {
        scanner.skipWhiteSpace()
        let start = scanner.position
        try scanner.scanNumber()
        justOpened = false
        let text = UnsafeRawBufferPointer(start: scanner.base + start, count: scanner.position - start)
        guard let value = parseDouble(text), value.isFinite else {
            throw JSONError(offset: start, reason: "the number does not fit a Double")
        }
        return value
    }

    package mutating func readBool() throws(JSONError) -> Bool {
        scanner.skipWhiteSpace()
        let value = scanner.current == UInt8(ascii: "t")
        try scanner.scanLiteral(value ? "true" : "false")
        justOpened = false
        return value
    }

    package mutating func readNull() throws(JSONError) {
        scanner.skipWhiteSpace()
        try scanner.scanLiteral("null")
        justOpened = false
    }

    /// Skips and validates any value, and returns its range.
    package mutating func skipValue() throws(JSONError) -> Range<Int> {
        scanner.skipWhiteSpace()
        let start = scanner.position
        try scanner.scanValue(depth: depth)
        justOpened = false
        return start..<scanner.position
    }

    /// Throws if anything but white space follows.
    package mutating func finish() throws(JSONError) {
        scanner.skipWhiteSpace()
        guard scanner.position == scanner.end else { throw scanner.error("data after the value") }
    }
}
