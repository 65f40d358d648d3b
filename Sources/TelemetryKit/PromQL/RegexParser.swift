import TelemetryBase

/// Parses the syntax of RE2 (https://github.com/google/re2/wiki/Syntax) except `\b`, `\B`, `\p` and flag `m`.
struct RegexParser {
    private static let maxDepth = 100
    private static let maxRepeat = 1000
    /// The maximum length of a pattern in bytes.
    static let maxBytes = 16 * 1024

    private let scalars: [Unicode.Scalar]
    private var at = 0
    private var depth = 0
    private var foldsCase = false
    private var dotTakesLineFeed = false

    static func parse(_ pattern: String) throws(RegexError) -> RegexNode {
        guard pattern.utf8.count <= maxBytes else {
            throw RegexError(
                offset: maxBytes, reason: "the pattern has \(pattern.utf8.count) bytes; the limit is \(maxBytes)")
        }
        var parser = RegexParser(pattern)
        let node = try parser.alternatives()
        guard parser.at == parser.scalars.count else { throw parser.error("unexpected )") }
        return node
    }

    private init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

    private func error(_ reason: String, at offset: Int? = nil) -> RegexError {
        RegexError(offset: offset ?? at, reason: reason)
    }

    private func unsupported(_ what: String, at offset: Int) -> RegexError {
        RegexError(offset: offset, reason: "\(what) is not supported", isUnsupported: true)
    }

    private var next: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

    private mutating func skip(_ text: String) -> Bool {
        guard scalars[at...].starts(with: text.unicodeScalars) else { return false }
        at += text.unicodeScalars.count
        return true
    }

    private mutating func alternatives() throws(RegexError) -> RegexNode {
        var nodes = [try sequence()]
        while skip("|") { nodes.append(try sequence()) }
        return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
    }

    private mutating func sequence() throws(RegexError) -> RegexNode {
        var nodes: [RegexNode] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            if skip("\\Q") {
                let before = nodes.count
                while at < scalars.count, !skip("\\E") {
                    nodes.append(literal(scalars[at]))
                    at += 1
                }
                // A repetition after a quotation applies to its last character.
                if nodes.count > before { nodes.append(try repetition(of: nodes.removeLast())) }
                continue
            }
            if skip("\\E") { continue }
            guard let atom = try atom() else { continue }
            nodes.append(try repetition(of: atom))
        }
        return nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private func literal(_ scalar: Unicode.Scalar) -> RegexNode {
        .one(ScalarSet(ranges: [scalar.value...scalar.value], foldsCase: foldsCase))
    }

    // MARK: Repetition

    private mutating func repetition(of atom: RegexNode) throws(RegexError) -> RegexNode {
        let start = at
        guard let (minimum, maximum) = try quantifier() else { return atom }
        // Greediness makes no difference to whether the whole text matches.
        _ = skip("?")
        let second = at
        guard try quantifier() == nil else { throw error("a repetition of a repetition", at: second) }
        if let maximum, minimum > maximum { throw error("a repetition from \(minimum) to \(maximum)", at: start) }
        return .repeated(atom, minimum: minimum, maximum: maximum)
    }

    private mutating func quantifier() throws(RegexError) -> (Int, Int?)? {
        if skip("*") { return (0, nil) }
        if skip("+") { return (1, nil) }
        if skip("?") { return (0, 1) }
        let start = at
        guard skip("{"), let minimum = number() else {
            // A brace that does not begin a repetition is a literal.
            at = start
            return nil
        }
        var maximum: Int? = minimum
        if skip(",") { maximum = number() }
        guard skip("}") else {
            at = start
            return nil
        }
        guard minimum <= Self.maxRepeat, maximum ?? 0 <= Self.maxRepeat else {
            throw error("a repetition beyond \(Self.maxRepeat)", at: start)
        }
        return (minimum, maximum)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = next, ("0"..."9").contains(digit) {
            value = min((value ?? 0) * 10 + Int(digit.value - 0x30), Self.maxRepeat + 1)
            at += 1
        }
        return value
    }

    // MARK: Atoms

    /// `nil` for flags, which match nothing themselves.
    private mutating func atom() throws(RegexError) -> RegexNode? {
        let start = at
        switch scalars[at] {
        case "(": return try group()
        case "[": return .one(try characterClass())
        case "*", "+", "?": throw error("nothing to repeat")
        case "^":
            at += 1
            return .atStart
        case "$":
            at += 1
            return .atEnd
        case ".":
            at += 1
            return .one(ScalarSet(ranges: dotTakesLineFeed ? [] : [0x0A...0x0A], isNegated: true))
        case "\\":
            if skip("\\A") { return .atStart }
            if skip("\\z") { return .atEnd }
            if skip("\\b") || skip("\\B") { throw unsupported("a word boundary", at: start) }
            return .one(ScalarSet(ranges: try escape(), foldsCase: foldsCase))
        case let scalar:
            at += 1
            return literal(scalar)
        }
    }

    private mutating func group() throws(RegexError) -> RegexNode? {
        let start = at
        at += 1
        let outer = (foldsCase, dotTakesLineFeed)
        if skip("?") {
            if skip("P<") || skip("<") {
                let name = scalars[at...].prefix { $0 != ">" }
                let isName =
                    !name.isEmpty
                    && name.allSatisfy { scalar in ScalarSet.words.contains { $0.contains(scalar.value) } }
                guard isName, at + name.count < scalars.count else { throw error("not a valid group name") }
                at += name.count + 1
            } else if try flags(from: start) {
                return nil
            }
        }
        depth += 1
        guard depth <= Self.maxDepth else { throw error("groups nest more than \(Self.maxDepth) deep", at: start) }
        let node = try alternatives()
        depth -= 1
        guard skip(")") else { throw error("( is not closed", at: start) }
        (foldsCase, dotTakesLineFeed) = outer
        return node
    }

    /// Flags: `(?i)`, for which it returns true, or `(?i:…)`.
    private mutating func flags(from start: Int) throws(RegexError) -> Bool {
        var isOn = true
        while let scalar = next {
            at += 1
            switch scalar {
            case "i": foldsCase = isOn
            case "s": dotTakesLineFeed = isOn
            // Lazy repetition: see `repetition`.
            case "U": break
            case "m": throw unsupported("the flag m", at: at - 1)
            case "-" where isOn: isOn = false
            case ":": return false
            case ")": return true
            default: throw error("not a valid kind of group", at: start)
            }
        }
        throw error("( is not closed", at: start)
    }

    // MARK: Escapes and classes

    private mutating func escape() throws(RegexError) -> [ClosedRange<UInt32>] {
        let start = at
        at += 1
        guard let scalar = next else { throw error("a backslash at the end", at: start) }
        at += 1
        func one(_ value: UInt32) -> [ClosedRange<UInt32>] { [value...value] }
        switch scalar {
        case "d": return ScalarSet.digits
        case "D": return ScalarSet.complement(ScalarSet.digits)
        case "w": return ScalarSet.words
        case "W": return ScalarSet.complement(ScalarSet.words)
        case "s": return ScalarSet.blanks
        case "S": return ScalarSet.complement(ScalarSet.blanks)
        case "a": return one(7)
        case "f": return one(12)
        case "n": return one(10)
        case "r": return one(13)
        case "t": return one(9)
        case "v": return one(11)
        case "p", "P": throw unsupported("a Unicode class", at: start)
        case "0":
            var value: UInt32 = 0
            var digits = 0
            while digits < 2, let digit = next, ("0"..."7").contains(digit) {
                value = value * 8 + digit.value - 0x30
                at += 1
                digits += 1
            }
            return one(value)
        case "x": return one(try hexadecimal(from: start))
        default:
            let isWord = ScalarSet.words.contains { $0.contains(scalar.value) }
            guard scalar.value < 0x80, !isWord || scalar == "_" else {
                throw error("not a valid escape: \\\(scalar)", at: start)
            }
            return one(scalar.value)
        }
    }

    private mutating func hexadecimal(from start: Int) throws(RegexError) -> UInt32 {
        let isBraced = skip("{")
        let digits = scalars[at...].prefix(isBraced ? 8 : 2).prefix { $0.properties.isASCIIHexDigit }
        at += digits.count
        var text = ""
        text.unicodeScalars.append(contentsOf: digits)
        guard let value = UInt32(text, radix: 16), value <= 0x10FFFF, isBraced ? skip("}") : digits.count == 2 else {
            throw error("not a valid hexadecimal character", at: start)
        }
        return value
    }

    private mutating func characterClass() throws(RegexError) -> ScalarSet {
        let start = at
        at += 1
        var set = ScalarSet(isNegated: skip("^"), foldsCase: foldsCase)
        var isFirst = true
        while let scalar = next, scalar != "]" || isFirst {
            isFirst = false
            if let named = try namedClass() {
                set.ranges += named
                continue
            }
            let low = try classMember()
            guard low.count == 1, low[0].count == 1, next == "-", at + 1 < scalars.count, scalars[at + 1] != "]" else {
                set.ranges += low
                continue
            }
            let dash = at
            at += 1
            let high = try classMember()
            guard high.count == 1, high[0].count == 1, low[0].lowerBound <= high[0].lowerBound else {
                throw error("not a valid range of characters", at: dash)
            }
            set.ranges.append(low[0].lowerBound...high[0].lowerBound)
        }
        guard skip("]") else { throw error("[ is not closed", at: start) }
        set.ranges = ScalarSet.merged(set.ranges)
        return set
    }

    private mutating func classMember() throws(RegexError) -> [ClosedRange<UInt32>] {
        if scalars[at] == "\\" { return try escape() }
        defer { at += 1 }
        return [scalars[at].value...scalars[at].value]
    }

    private mutating func namedClass() throws(RegexError) -> [ClosedRange<UInt32>]? {
        let start = at
        guard skip("[:") else { return nil }
        let isNegated = skip("^")
        var name = ""
        name.unicodeScalars.append(contentsOf: scalars[at...].prefix { $0.properties.isAlphabetic })
        at += name.unicodeScalars.count
        guard skip(":]") else {
            at = start
            return nil
        }
        guard let ranges = ScalarSet.named[name] else { throw error("unknown class \(abbreviated(name))", at: start) }
        return isNegated ? ScalarSet.complement(ranges) : ranges
    }
}
