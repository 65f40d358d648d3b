import TelemetryKit
import Testing

@Suite("Prometheus labels")
struct LabelTests {
    @Test(
        "labels are read with their escapes, in their order",
        arguments: [
            ("", []),
            ("  ", []),
            (#"a="1""#, [("a", "1")]),
            (#"a="1","#, [("a", "1")]),
            (#"b="2",a="1""#, [("b", "2"), ("a", "1")]),
            (#" a = "1" , b = "2" , "#, [("a", "1"), ("b", "2")]),
            (#"a="x,y=z",_b9="""#, [("a", "x,y=z"), ("_b9", "")]),
            (#"a="say \"hi\"",b="C:\\dir",c="1\n2""#, [("a", "say \"hi\""), ("b", "C:\\dir"), ("c", "1\n2")]),
            (#"__name__="é 😀""#, [("__name__", "é 😀")]),
        ] as [(String, [(String, String)])])
    func reads(text: String, labels: [(String, String)]) throws {
        #expect(try MetricLabel.parse(prometheus: text) == labels.map { MetricLabel(name: $0.0, value: $0.1) })
    }

    @Test(
        "what is not a list of labels is refused with the place and the reason",
        arguments: [
            (",", 0, "label name"),
            (#"a="1",,"#, 6, "label name"),
            (#"9a="1""#, 0, "label name"),
            ("a", 1, "expected = after label a"),
            ("a:1", 1, "expected = after label a"),
            ("a=1", 2, "expected a quote"),
            (#"a="1"#, 4, "not closed"),
            (#"a="1\"#, 4, "not closed"),
            (#"a="1\t""#, 4, "escapes"),
            (#"a="1"b="2""#, 5, "expected a comma"),
            (#"a="1",a="2""#, 6, "occurs twice"),
            ("a=\"1\n2\"", 4, "line feed"),
        ])
    func refuses(text: String, offset: Int, reason: String) {
        let error = #expect(throws: LabelError.self) { try MetricLabel.parse(prometheus: text) }
        #expect(error?.offset == offset)
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
    }
}
