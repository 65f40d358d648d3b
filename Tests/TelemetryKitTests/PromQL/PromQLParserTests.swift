import Testing

@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPromQL

@Suite("Reading PromQL")
struct PromQLParserTests {
    @Test(
        "operators bind as they should",
        arguments: [
            ("1 + 2 * 3", "(1.0) + ((2.0) * (3.0))"), ("1 - 2 - 3", "((1.0) - (2.0)) - (3.0)"),
            ("2 ^ 3 ^ 2", "(2.0) ^ ((3.0) ^ (2.0))"),
            ("-2 ^ 2", "-((2.0) ^ (2.0))"), ("-2 * 3", "(-(2.0)) * (3.0)"),
            ("a or b and c unless d", "(a) or (((b) and (c)) unless (d))"),
            ("a > 1 + 2", "(a) > ((1.0) + (2.0))"), ("a AND b Or c", "((a) and (b)) or (c)"),
            ("(1 + 2) * 3", "((1.0) + (2.0)) * (3.0)"),
            ("a == bool 1", "(a) == bool (1.0)"),
            ("a + on (b, c) group_left (d) e", "(a) + on (b, c) group_left (d) (e)"),
            ("1 % 2 atan2 3", "((1.0) % (2.0)) atan2 (3.0)"), ("+a", "a"), ("--a", "-(-(a))"),
        ])
    func precedence(query: String, text: String) throws {
        #expect(try PromQLParser.parse(query).expression.description == text)
    }

    @Test(
        "selectors, calls and aggregations come out as they went in",
        arguments: [
            (
                "a{b=\"c\",d!='e',f=~`g`,h!~\"i\",}[1h30m]offset -5m",
                "a{b=\"c\", d!=\"e\", f=~\"g\", h!~\"i\"}[1h30m] offset -5m"
            ), ("a:b:c", "a:b:c"),
            ("{__name__=\"a\"}", "{__name__=\"a\"}"), ("sum(a) by (b)", "sum by (b) (a)"),
            ("SUM without () (a)", "sum without () (a)"),
            ("topk by (a) (2, b)", "topk by (a) (2.0, b)"),
            ("count_values(\"a\\\"b\", c)", "count_values (\"a\\\"b\", c)"), ("round(a, 0.5)", "round(a, 0.5)"),
            ("sum{by=\"on\"}", "sum{by=\"on\"}"), ("sum + avg", "(sum) + (avg)"), ("time()", "time()"),
            ("a # b\n + c", "(a) + (c)"), ("rate(((a[5m])))", "rate(a[5m])"),
            ("offset offset 1ms", "offset offset 1ms"),
        ])
    func forms(query: String, text: String) throws {
        #expect(try PromQLParser.parse(query).expression.description == text)
        #expect(try PromQLParser.parse(text).expression.description == text)
    }

    @Test(
        "what is wrong is told with its line and column",
        arguments: [
            ("", "1:1: parse error: there is no expression"),
            ("a +", "1:4: parse error: unexpected end where an expression begins"),
            ("a{b=c}", "1:5: parse error: unexpected \"c\" for the label b, expected a string"),
            ("a{b}", "1:4: parse error: unexpected \"}\" after the label b"),
            ("sum(a", "1:6: parse error: unexpected end in the arguments of sum, expected )"),
            ("1\n + $", "2:4: parse error: unexpected character \"$\""),
            ("a b", "1:3: parse error: unexpected \"b\" after the expression"),
            ("foo(a)", "1:1: parse error: unknown function foo"),
            ("rate(a)", "1:1: parse error: rate takes a value of type range vector, but this has type instant vector"),
            ("a[5]", "1:3: parse error: unexpected \"5\" in a range"),
            ("abs()", "1:1: parse error: abs takes 1 arguments, but received 0"),
            ("{}", "1:1: parse error: a selector needs a condition"),
            ("a{b=~\"x(\"}", "1:6: parse error: the pattern \"x(\": ( is not closed at character 2"),
            ("1 < 2", "1:3: parse error: a comparison of scalars needs bool"),
            ("a and 1", "1:3: parse error: and requires instant vectors"),
            ("a[5m] + 1", "1:7: parse error: + requires scalars or instant vectors"),
            ("\"a", "1:1: parse error: the string is not closed"),
            ("1x", "1:1: parse error: 1x is neither a number nor a duration"),
            ("a{__name__=\"b\"}", "1:3: parse error: the metric name is given twice"),
            ("é", "1:1: parse error: unexpected character \"é\""),
            ("5m", "1:1: parse error: unexpected \"5m\" where an expression begins"),
            ("a offset 1m[5m]", "1:12: parse error: the range must come before the offset"),
        ])
    func errors(query: String, message: String) {
        #expect { try PromQLParser.parse(query) } throws: { error in
            guard let error = error as? PromQLError, error.kind == .badData else { return false }
            return error.message.hasPrefix(message)
        }
    }

    @Test(
        "what Prometheus has and this has not is told as such",
        arguments: [
            ("rate(a[5m:1m])", "1:10"), ("(a + b)[5m:]", "1:8"), ("a @ 1752871200", "1:3"), ("a @ end()", "1:3"),
            ("label_replace(a, \"b\", \"c\", \"d\", \"e\")", "1:1"),
            ("1 + histogram_quantile(0.9, a)", "1:5"), ("a{b=~\"\\\\bc\"}", "1:6"), ("sum(a)[5m:1m]", "1:7"),
        ])
    func unsupported(query: String, place: String) {
        #expect { try PromQLParser.parse(query) } throws: { error in
            guard let error = error as? PromQLError else { return false }
            return error.kind == .unsupported && error.message.hasPrefix("\(place): not supported: ")
                && PrometheusFailure(error).status == 422
        }
    }

    @Test("no depth exhausts the stack", arguments: ["(", "-", "abs(", "sum(", "1 + (", "2 ^ "])
    func depth(opening: String) {
        let query = String(repeating: opening, count: PromQLParser.maxBytes / opening.utf8.count)
        #expect { try PromQLParser.parse(query) } throws: {
            "\($0)".contains("nests more than \(PromQLParser.maxDepth) deep")
        }
    }

    @Test("a chain nests as well")
    func chain() throws {
        #expect(try PromQLParser.parse("1" + String(repeating: " + 1", count: 100)).expression.type == .scalar)
        #expect(throws: PromQLError.self) { try PromQLParser.parse("1" + String(repeating: " + 1", count: 10_000)) }
    }

    @Test(
        "durations",
        arguments: [
            ("5m", 300_000), ("1h30m", 5_400_000), ("1y2w3d4h5m6s7ms", 33_019_506_007), ("0", 0), ("90s", 90_000),
            ("1m1h", nil), ("1m1m", nil), ("m", nil), ("", nil), ("1.5h", nil),
            ("5", nil), ("-5m", nil), ("293y", nil), ("99999999999999999999s", nil), ("5M", nil),
        ] as [(String, Int64?)])
    func durations(text: String, milliseconds: Int64?) {
        #expect(PromQLDuration.milliseconds(text) == milliseconds)
        if let milliseconds, milliseconds > 0 {
            #expect(PromQLDuration.milliseconds(PromQLDuration.text(milliseconds)) == milliseconds)
        }
    }
}
