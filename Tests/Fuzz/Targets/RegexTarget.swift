import TelemetryKit

/// A pattern that is made of the input matches the texts that follow it there exactly where its meaning says so; the input itself as a
/// pattern is taken or refused.
enum RegexTarget {
    static func failure(_ input: [UInt8]) -> String? {
        _ = try? LinearRegex(String(decoding: input, as: UTF8.self)).matches("any text")
        var input = FuzzInput(input)
        let pattern = NaivePattern(&input, depth: 5)
        let regex: LinearRegex
        do throws(RegexError) {
            regex = try LinearRegex(pattern.text)
        } catch {
            // Nested repetitions may multiply to more than is allowed.
            return error.isUnsupported ? nil : "\(pattern.text): \(error)"
        }
        for _ in 0..<8 {
            let text = (0..<input.number(below: 7)).map { _ in input.oneOf(["a", "b", "é", "\n"]) }
            let isMatch = pattern.ends(text, from: [0]).contains(text.count)
            if regex.matches(text.joined()) != isMatch {
                return
                    "\(pattern.text.debugDescription) should \(isMatch ? "" : "not ")match \(text.joined().debugDescription)"
            }
        }
        return nil
    }
}

/// A regular expression by its meaning: where in a text it can end, given where it can begin.
indirect enum NaivePattern: Sendable {
    case one(String, Set<String>)
    case sequence(NaivePattern, NaivePattern)
    case either(NaivePattern, NaivePattern)
    case repeated(NaivePattern, minimum: Int, maximum: Int?, text: String)
    case nothing, atStart, atEnd

    init(_ input: inout FuzzInput, depth: Int) {
        switch depth == 0 ? 0 : input.number(below: 6) {
        case 0:
            self = input.oneOf(Self.leaves)
        case 1, 2: self = .sequence(NaivePattern(&input, depth: depth - 1), NaivePattern(&input, depth: depth - 1))
        case 3: self = .either(NaivePattern(&input, depth: depth - 1), NaivePattern(&input, depth: depth - 1))
        default:
            let (text, minimum, maximum) = input.oneOf(Self.repetitions)
            self = .repeated(NaivePattern(&input, depth: depth - 1), minimum: minimum, maximum: maximum, text: text)
        }
    }

    private static let leaves: [NaivePattern] = [
        .one("a", ["a"]), .one("b", ["b"]), .one("é", ["é"]), .one(".", ["a", "b", "é"]),
        .one("[^a]", ["b", "é", "\n"]),
        .one("[a-b]", ["a", "b"]), .one("\\n", ["\n"]), .one("(?s:.)", ["a", "b", "é", "\n"]), .one("(?i:A)", ["a"]),
        .one("\\w", ["a", "b"]), .one("\\W", ["é", "\n"]), .one("[[:alpha:]é]", ["a", "b", "é"]), .nothing, .atStart,
        .atEnd,
    ]
    private static let repetitions: [(String, Int, Int?)] = [
        ("*", 0, nil), ("+", 1, nil), ("?", 0, 1), ("{2}", 2, 2), ("{1,3}", 1, 3), ("{2,}", 2, nil), ("*?", 0, nil),
        ("{0}", 0, 0),
    ]

    var text: String {
        switch self {
        case .one(let text, _): text
        case .sequence(let first, let second): first.text + second.text
        case .either(let first, let second): "(\(first.text)|\(second.text))"
        case .repeated(let inner, _, _, let text): "(?:\(inner.text))\(text)"
        case .nothing: "()"
        case .atStart: "^"
        case .atEnd: "$"
        }
    }

    func ends(_ text: [String], from starts: Set<Int>) -> Set<Int> {
        switch self {
        case .one(_, let members): Set(starts.filter { $0 < text.count && members.contains(text[$0]) }.map { $0 + 1 })
        case .sequence(let first, let second): second.ends(text, from: first.ends(text, from: starts))
        case .either(let first, let second): first.ends(text, from: starts).union(second.ends(text, from: starts))
        case .nothing: starts
        case .atStart: starts.intersection([0])
        case .atEnd: starts.intersection([text.count])
        case .repeated(let inner, let minimum, let maximum, _):
            Self.repeated(inner, minimum, maximum, text, from: starts)
        }
    }

    private static func repeated(
        _ inner: NaivePattern, _ minimum: Int, _ maximum: Int?, _ text: [String], from starts: Set<Int>
    ) -> Set<Int> {
        var places = (0..<minimum).reduce(starts) { places, _ in inner.ends(text, from: places) }
        var all = places
        // More often than the text is long brings no new place.
        for _ in minimum..<max(minimum, maximum ?? minimum + text.count + 1) {
            places = inner.ends(text, from: places)
            all.formUnion(places)
        }
        return all
    }
}
