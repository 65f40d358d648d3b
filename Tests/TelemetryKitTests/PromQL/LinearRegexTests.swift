import Testing

@testable import TelemetryPromQL
@testable import TelemetryStores

@Suite("Regular expressions of matchers")
struct LinearRegexTests {
    @Test(
        "a pattern matches whole texts",
        arguments: [
            ("", [""], ["a"]), ("abc", ["abc"], ["ab", "abcd", "xabc"]), ("a|bc|", ["a", "bc", ""], ["b", "abc"]),
            ("a.c", ["abc", "aéc"], ["ac", "a\nc"]),
            ("(?s)a.c", ["a\nc"], ["ac"]), ("[a-cx]+", ["abcx"], ["", "d"]), ("[^a-c]", ["d", "é", "\n"], ["a", ""]),
            ("[]a-]+", ["]a-"], ["b"]),
            ("(a|b){2,3}", ["ab", "bba"], ["a", "abab"]), ("a{2}", ["aa"], ["a", "aaa"]),
            ("a{2,}", ["aa", "aaaaa"], ["a"]), ("a{,2}", ["a{,2}"], ["aa"]),
            ("x{a}", ["x{a}"], ["x"]), ("(?i)dgx-É", ["DGX-é", "dgx-É"], ["dgx-e"]), ("(?i:a)b", ["ab", "Ab"], ["aB"]),
            ("(?P<host>a+)(?:b)", ["aab"], ["b"]),
            ("\\d+\\.\\d", ["12.5"], ["12x5"]), ("\\w\\W\\s\\S", ["_- x"], ["--  "]),
            ("\\x41\\x{1F600}\\t", ["A😀\t"], ["A"]), ("\\Qa.b*\\E+", ["a.b*", "a.b***"], ["a.b", "axb*"]),
            ("^a$", ["a"], ["a\n"]), ("a$b", [], ["ab", "a"]), ("(^a|b)c", ["ac", "bc"], ["c"]), ("\\Aa\\z", ["a"], []),
            ("[[:alpha:]_][[:^digit:]]", ["a_", "_é"], ["1a", "a1"]),
            ("(a*)*b", ["b", "aaab"], ["a"]), ("a*?b", ["aab"], ["aa"]), ("()*", [""], ["a"]),
            ("[a\\-z]+", ["a-z"], ["b"]),
        ] as [(String, [String], [String])])
    func whole(pattern: String, matching: [String], others: [String]) throws {
        let regex = try LinearRegex(pattern)
        for text in matching { #expect(regex.matches(text), "\(pattern) \(text)") }
        for text in others { #expect(!regex.matches(text), "\(pattern) \(text)") }
    }

    @Test("what makes a search that goes back take for ever takes a state for each character")
    func pathological() throws {
        let text = String(repeating: "a", count: 2000)
        for pattern in ["(a+)+b", "(a|aa)+b", "(a*)*(a*)*b", "(.*)(.*)(.*)(.*)b"] {
            #expect(try !LinearRegex(pattern).matches(text))
            #expect(try LinearRegex(pattern).matches(text + "b"))
        }
        #expect(try LinearRegex("(a?){200}a{200}").matches(String(repeating: "a", count: 200)))
    }

    @Test("repetitions that multiply are refused before they take memory, and those of nothing end")
    func large() throws {
        #expect { try LinearRegex("((a{1000}){1000}){1000}") } throws: { ($0 as? RegexError)?.isUnsupported == true }
        #expect(try LinearRegex("((){1000}){1000}(()*){1000}").matches(""))
        #expect { try LinearRegex(String(repeating: "(", count: 15_000)) } throws: {
            ($0 as? RegexError)?.offset == 100
        }
    }

    @Test(
        "a wrong pattern is refused at its place",
        arguments: [
            ("a(b", 1), ("a)", 1), ("*a", 0), ("a**", 2), ("a[b", 1), ("[b-a]", 2), ("[[:nope:]]", 1), ("a{3,2}", 1),
            ("a{1001}", 1), ("a\\", 1), ("\\y", 0), ("\\1", 0),
            ("(?=a)", 0), ("(?P<>a)", 4), ("\\x4", 0), ("\\x{110000}", 0), ("a|+", 2),
        ])
    func refused(pattern: String, offset: Int) {
        #expect { try LinearRegex(pattern) } throws: { error in
            guard let error = error as? RegexError else { return false }
            return error.offset == offset && !error.isUnsupported
                && "\(error)".hasSuffix("at character \(offset + 1) of the pattern")
        }
    }

    @Test("what RE2 has and this has not is told", arguments: ["\\bword", "a\\B", "\\pL", "(?m)^a"])
    func unsupported(pattern: String) {
        #expect { try LinearRegex(pattern) } throws: { ($0 as? RegexError)?.isUnsupported == true }
    }

    @Test(
        "alternatives that are spelled out are known as texts",
        arguments: [
            ("a|b", ["a", "b"]), ("(GPU-(1|2)|x)", ["GPU-1", "GPU-2", "x"]), ("", [""]), ("a.|b", nil), ("(?i)a", nil),
            ("a?", nil), ("[a]", ["a"]),
        ] as [(String, [String]?)])
    func literals(pattern: String, texts: [String]?) throws {
        #expect(try LinearRegex(pattern).literals == texts)
    }
}
