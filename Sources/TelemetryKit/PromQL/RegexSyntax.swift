/// A regular expression as a tree.
indirect enum RegexNode: Sendable {
    case empty
    case one(ScalarSet)
    case sequence([RegexNode])
    case alternatives([RegexNode])
    /// `maximum` is `nil` if there is none.
    case repeated(RegexNode, minimum: Int, maximum: Int?)
    case atStart, atEnd

    /// The texts that match, if they are few and listed explicitly: `a|b(c|d)`.
    func literals(limit: Int = 256) -> [String]? {
        var texts = [""]
        return append(to: &texts, limit: limit) ? texts : nil
    }

    /// Appends each text of this node to each of the texts; returns whether its texts are listed explicitly and few.
    ///
    /// In place as long as a node has one text: a long pattern then costs one step per character instead of copying the
    /// prefix.
    private func append(to texts: inout [String], limit: Int) -> Bool {
        switch self {
        case .empty: return true
        case .one(let set):
            guard let scalar = set.single else { return false }
            for i in texts.indices { texts[i].unicodeScalars.append(scalar) }
            return true
        case .sequence(let nodes): return nodes.allSatisfy { $0.append(to: &texts, limit: limit) }
        case .alternatives(let nodes):
            var tails: [String] = []
            for node in nodes {
                var own = [""]
                guard node.append(to: &own, limit: limit), tails.count + own.count <= limit else { return false }
                tails += own
            }
            guard texts.count * tails.count <= limit else { return false }
            texts = texts.flatMap { text in tails.map { text + $0 } }
            return true
        case .repeated, .atStart, .atEnd: return false
        }
    }
}

/// Scalars that are equivalent in a pattern.
struct ScalarSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false
    /// Whether matching is case-insensitive.
    var foldsCase = false

    static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    static let words: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    static let blanks: [ClosedRange<UInt32>] = [0x09...0x0A, 0x0C...0x0D, 0x20...0x20]
    /// The names in `[[:alpha:]]`, restricted to ASCII as in RE2.
    static let named: [String: [ClosedRange<UInt32>]] = [
        "alnum": [0x30...0x39, 0x41...0x5A, 0x61...0x7A], "alpha": [0x41...0x5A, 0x61...0x7A], "ascii": [0x00...0x7F],
        "blank": [0x09...0x09, 0x20...0x20], "cntrl": [0x00...0x1F, 0x7F...0x7F], "digit": digits,
        "graph": [0x21...0x7E],
        "lower": [0x61...0x7A], "print": [0x20...0x7E], "punct": [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E],
        "space": [0x09...0x0D, 0x20...0x20], "upper": [0x41...0x5A], "word": words,
        "xdigit": [0x30...0x39, 0x41...0x46, 0x61...0x66],
    ]

    /// All scalars that are in none of the ranges.
    static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var rest: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { rest.append(next...range.lowerBound - 1) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10FFFF { rest.append(next...0x10FFFF) }
        return rest
    }

    /// The only scalar in the set, if there is exactly one.
    var single: Unicode.Scalar? {
        guard !isNegated, !foldsCase, ranges.count == 1, ranges[0].count == 1 else { return nil }
        return Unicode.Scalar(ranges[0].lowerBound)
    }

    /// The same scalars, in ranges that are ascending and do not touch.
    static func merged(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        func holds(_ value: UInt32) -> Bool {
            // A class of many ranges is sorted.
            if ranges.count > 8 {
                let index = ranges.firstSortedIndex { $0.upperBound >= value }
                return index < ranges.count && ranges[index].contains(value)
            }
            return ranges.contains { $0.contains(value) }
        }
        var found = holds(scalar.value)
        if !found, foldsCase {
            for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping]
            where text.unicodeScalars.count == 1 {
                found = found || holds(text.unicodeScalars.first!.value)
            }
        }
        return found != isNegated
    }
}

/// The reason why a pattern cannot be used.
package struct RegexError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The 0-based index of a scalar in the pattern.
    package var offset: Int
    package var reason: String
    /// Supported by RE2, but not by this engine.
    package var isUnsupported = false

    package var description: String { "\(reason) at character \(offset + 1) of the pattern" }
}
