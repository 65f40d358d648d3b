import Glibc

/// An error: where a JSON text violates RFC 8259, and how.
package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The offset in bytes from the start of the text.
    package var offset: Int
    package var reason: String

    package init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    package var description: String { "byte \(offset): \(reason)" }
}

package enum JSON {
    /// Returns `nil` if the bytes are exactly one JSON value (RFC 8259, UTF-8), optionally surrounded by white space.
    package static func validate(_ bytes: UnsafeRawBufferPointer, maxDepth: Int = 128) -> JSONError? {
        do {
            var scanner = JSONScanner(bytes)
            scanner.skipWhiteSpace()
            try scanner.scanValue(depth: maxDepth)
            scanner.skipWhiteSpace()
            guard scanner.position == bytes.count else { return scanner.error("data after the value") }
            return nil
        } catch {
            return error
        }
    }
}

/// A cursor over JSON text that skips whole tokens and values; it validates each byte and copies none.
@usableFromInline
package struct JSONScanner {
    let base: UnsafePointer<UInt8>
    let end: Int
    package var position = 0

    package init(_ bytes: UnsafeRawBufferPointer) {
        // An empty buffer may have no address; nothing is read from this one.
        base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? UnsafePointer(bitPattern: 1)!
        end = bytes.count
    }

    package func error(_ reason: String) -> JSONError {
        JSONError(offset: position, reason: position >= end ? "the text ends early" : reason)
    }

    /// The byte under the cursor; 0, which no JSON token contains, at the end.
    @inline(__always)
    package var current: UInt8 { position < end ? base[position] : 0 }

    @inline(__always)
    package mutating func skipWhiteSpace() {
        while position < end {
            let byte = base[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    /// Skips the value that starts under the cursor. `depth`: the number of nested containers allowed.
    package mutating func scanValue(depth: Int) throws(JSONError) {
        if scanValueQuickly(depth: depth) { return }
        try scanAnyValue(depth: depth)
    }

    /// Uses recursive descent: slower, but reports what is wrong and where.
    package mutating func scanAnyValue(depth: Int) throws(JSONError) {
        switch current {
        case UInt8(ascii: "\""): try scanString()
        case UInt8(ascii: "{"): try scanObject(depth: depth)
        case UInt8(ascii: "["): try scanArray(depth: depth)
        case UInt8(ascii: "t"): try scanLiteral("true")
        case UInt8(ascii: "f"): try scanLiteral("false")
        case UInt8(ascii: "n"): try scanLiteral("null")
        default: try scanNumber()
        }
    }

    private mutating func scanObject(depth: Int) throws(JSONError) {
        guard depth > 0 else { throw error("containers nest too deep") }
        position += 1
        skipWhiteSpace()
        if current == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            guard current == UInt8(ascii: "\"") else { throw error("a member's name was expected") }
            try scanString()
            skipWhiteSpace()
            guard current == UInt8(ascii: ":") else { throw error("':' was expected") }
            position += 1
            skipWhiteSpace()
            try scanAnyValue(depth: depth - 1)
            skipWhiteSpace()
            switch current {
            case UInt8(ascii: ","):
                position += 1
                skipWhiteSpace()
            case UInt8(ascii: "}"):
                position += 1
                return
            default: throw error("',' or '}' was expected")
            }
        }
    }

    private mutating func scanArray(depth: Int) throws(JSONError) {
        guard depth > 0 else { throw error("containers nest too deep") }
        position += 1
        skipWhiteSpace()
        if current == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            try scanAnyValue(depth: depth - 1)
            skipWhiteSpace()
            switch current {
            case UInt8(ascii: ","):
                position += 1
                skipWhiteSpace()
            case UInt8(ascii: "]"):
                position += 1
                return
            default: throw error("',' or ']' was expected")
            }
        }
    }

    package mutating func scanLiteral(_ literal: StaticString) throws(JSONError) {
        let count = literal.utf8CodeUnitCount
        guard position + count <= end, memcmp(base + position, literal.utf8Start, count) == 0 else {
            throw error("not a JSON value")
        }
        position += count
    }

    /// Skips a number and returns whether it is an integer in form.
    @discardableResult
    package mutating func scanNumber() throws(JSONError) -> Bool {
        if current == UInt8(ascii: "-") { position += 1 }
        if current == UInt8(ascii: "0") {
            position += 1
        } else if isDigit(current) {
            scanDigits()
        } else {
            throw error("not a JSON value")
        }
        var integral = true
        if current == UInt8(ascii: ".") {
            integral = false
            position += 1
            guard isDigit(current) else { throw error("a digit was expected after the point") }
            scanDigits()
        }
        if current | 0x20 == UInt8(ascii: "e") {
            integral = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard isDigit(current) else { throw error("a digit was expected in the exponent") }
            scanDigits()
        }
        return integral
    }

    @inline(__always)
    private func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    @inline(__always)
    private mutating func scanDigits() {
        while position < end, isDigit(base[position]) { position += 1 }
    }

    /// Skips a string, including its quotes, and returns whether it has escapes.
    @discardableResult
    package mutating func scanString() throws(JSONError) -> Bool {
        position += 1
        var escapes = false
        while true {
            skipPlainBytes()
            guard position < end else { throw error("the string is not closed") }
            let byte = base[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return escapes
            } else if byte == UInt8(ascii: "\\") {
                escapes = true
                try scanEscape()
            } else if byte < 0x20 {
                throw error("unescaped control character in a string")
            } else {
                try scanMultibyte()
            }
        }
    }

    /// Skips bytes 0x20…0x7F except quote and backslash, eight at a time.
    @inline(__always)
    private mutating func skipPlainBytes() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position + 8 <= end {
            let word = UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // A byte's high bit is set if the byte is below 0x20, a quote, a backslash, or not ASCII. The borrow of a
            // lower hit can mark a higher byte falsely; only the lowest mark is used, and it is correct.
            let hit = (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones) | word
            let marks = hit & highs
            if marks != 0 {
                position += UInt64(littleEndian: marks).trailingZeroBitCount >> 3
                return
            }
            position += 8
        }
        while position < end {
            let byte = base[position]
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return }
            position += 1
        }
    }

    private mutating func scanEscape() throws(JSONError) {
        position += 1
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            let unit = try scanHex4()
            // The grammar of RFC 8259 permits a lone surrogate, but no Unicode text can contain one.
            if unit & 0xFC00 == 0xD800 {
                guard current == UInt8(ascii: "\\"), position + 1 < end, base[position + 1] == UInt8(ascii: "u") else {
                    throw error("high surrogate without a low surrogate")
                }
                position += 2
                guard try scanHex4() & 0xFC00 == 0xDC00 else { throw error("high surrogate without a low surrogate") }
            } else if unit & 0xFC00 == 0xDC00 {
                throw error("low surrogate without a high surrogate")
            }
        default: throw error("invalid escape")
        }
    }

    private mutating func scanHex4() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let nibble = hexValue(current) else { throw error("four hexadecimal digits were expected") }
            unit = unit << 4 | UInt16(nibble)
            position += 1
        }
        return unit
    }

    /// Skips one UTF-8 sequence of two to four bytes (RFC 3629: shortest form, no surrogates, up to U+10FFFF).
    private mutating func scanMultibyte() throws(JSONError) {
        let lead = base[position]
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        guard lead >= 0xC2, lead <= 0xF4, position + length <= end else { throw error("not UTF-8") }
        let second = base[position + 1]
        let lowest: UInt8 = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80
        let highest: UInt8 = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF
        guard second >= lowest, second <= highest else { throw error("not UTF-8") }
        for i in 2..<max(2, length) where base[position + i] & 0xC0 != 0x80 { throw error("not UTF-8") }
        position += length
    }
}
