import TelemetryBase

/// A token of a query.
struct PromQLToken {
    enum Kind: Hashable {
        /// Also used for a keyword; a name with colons can only be that of a metric.
        case identifier
        case number(Double)
        /// The value in milliseconds.
        case duration(Int64)
        case string(String)
        case symbol
        case end
    }

    var kind: Kind
    /// The unchanged text of the query.
    var text: String
    /// The 0-based byte offset in the query.
    var offset: Int
}

/// Splits a query into tokens.
struct PromQLLexer {
    private let bytes: [UInt8]
    private var at = 0
    private var tokens: [PromQLToken] = []

    static func tokens(_ query: [UInt8]) throws(PromQLError) -> [PromQLToken] {
        var lexer = PromQLLexer(bytes: query)
        while try lexer.readToken() {}
        return lexer.tokens
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func error(_ reason: String, at offset: Int) -> PromQLError { .at(offset, of: bytes, reason) }

    private func text(from start: Int) -> String { String(decoding: bytes[start..<at], as: UTF8.self) }

    private mutating func add(_ kind: PromQLToken.Kind, from start: Int) {
        tokens.append(PromQLToken(kind: kind, text: text(from: start), offset: start))
    }

    private mutating func readToken() throws(PromQLError) -> Bool {
        skipBlanks()
        let start = at
        guard at < bytes.count else {
            add(.end, from: at)
            return false
        }
        switch bytes[at] {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: ":"):
            while at < bytes.count, Self.isWord(bytes[at]) || bytes[at] == UInt8(ascii: ":") { at += 1 }
            add(.identifier, from: start)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): try readNumber()
        case UInt8(ascii: ".") where at + 1 < bytes.count && Self.isDigit(bytes[at + 1]): try readNumber()
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            let value = try PromQLString.read(bytes, &at)
            add(.string(value), from: start)
        default: try readSymbol()
        }
        return true
    }

    private mutating func skipBlanks() {
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            case UInt8(ascii: "#"): while at < bytes.count, bytes[at] != 0x0A { at += 1 }
            default: return
            }
        }
    }

    private mutating func readSymbol() throws(PromQLError) {
        let start = at
        for symbol in ["==", "!=", "<=", ">=", "=~", "!~"] where bytes[at...].starts(with: symbol.utf8) {
            at += 2
            return add(.symbol, from: start)
        }
        guard "+-*/%^<>=(){}[],@".utf8.contains(bytes[at]) else {
            let rest = String(decoding: bytes[at...].prefix(4), as: UTF8.self)
            throw error("unexpected character \(promQLEcho(String(rest.unicodeScalars.first!)))", at: start)
        }
        at += 1
        add(.symbol, from: start)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_")
            || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
    }

    /// Numbers and durations begin in the same way.
    private mutating func readNumber() throws(PromQLError) {
        let start = at
        var isDecimal = true
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") {
                // A sign belongs to an exponent, or is an operator.
                guard isDecimal, at > start, bytes[at - 1] | 0x20 == UInt8(ascii: "e") else { break }
            } else if !Self.isWord(byte), byte != UInt8(ascii: ".") {
                break
            } else if byte | 0x20 == UInt8(ascii: "x") {
                isDecimal = false
            }
            at += 1
        }
        let word = text(from: start)
        if let number = Self.number(word) {
            add(.number(number), from: start)
        } else if let duration = PromQLDuration.milliseconds(word) {
            add(.duration(duration), from: start)
        } else {
            throw error("\(abbreviated(word)) is neither a number nor a duration", at: start)
        }
    }

    /// Parses like Go: an integer that begins with 0 is octal if possible.
    static func number(_ word: String) -> Double? {
        if word.hasPrefix("0x") || word.hasPrefix("0X") { return Int64(word.dropFirst(2), radix: 16).map(Double.init) }
        if word.utf8.count > 1, word.hasPrefix("0"), let octal = Int64(word, radix: 8) { return Double(octal) }
        return Array(word.utf8).withUnsafeBytes { PrometheusNumber.value($0) }
    }
}
