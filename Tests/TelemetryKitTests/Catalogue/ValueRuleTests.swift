import Testing

@testable import TelemetryDatabases
@testable import TelemetryGateway
@testable import TelemetryModels
@testable import TelemetryPipeline
@testable import TelemetryPromQL
@testable import TelemetryReaders
@testable import TelemetryScraping

@Suite("Value rules")
struct ValueRuleTests {
    typealias Verdict = ValueRule.Verdict

    /// Judges a text as a reader does.
    private func judge(_ metric: String, _ text: String) throws -> Verdict {
        let rule = ValueRule(metricName: metric)
        let value = try #require(Double(text))
        let verdict = text.withUTF8Bytes { rule.judge(value, text: $0) }
        // The quick look says the same: what it calls sound is, and what has no value or is out of range it never calls sound.
        if rule.isSound(value) { #expect(verdict == .sound) }
        return verdict
    }

    static let temperature = "DCGM_FI_DEV_GPU_TEMP"
    static let counter = "DCGM_FI_PROF_PCIE_RX_BYTES_TOTAL"
    static let power = "DCGM_FI_DEV_POWER_USAGE"
    static let seconds = "DCGM_FI_DEV_GPU_POWER_THROTTLE_SECONDS_TOTAL"
    static let unknown = "some_metric"
    static let label = "DCGM_FI_DRIVER_VERSION"

    /// A blank value, one below it, and what each of the four that DCGM gives a meaning is.
    @Test(
        "blank values are no value where they cannot be a value, with their reason",
        arguments: zip([0, 1, 2, 3], [NoValueReason.blank, .notFound, .notSupported, .notPermitted]))
    func blanks(code: Int, reason: NoValueReason) throws {
        let int32 = "\(0x7FFF_FFF0 + code)"
        let int64 = "\(0x7FFF_FFFF_FFFF_FFF0 + code)"
        let double = "\(140_737_488_355_328 + code)"
        let none = Verdict.noValue(reason)
        let table: [(metric: String, int32: Verdict, int64: Verdict, double: Verdict)] = [
            (Self.temperature, none, none, none),
            (Self.counter, .sound, none, .sound),
            (Self.power, none, none, none),
            (Self.seconds, .sound, none, none),
            (Self.unknown, none, none, none),
            (Self.label, none, none, none),
        ]
        for row in table {
            #expect(try judge(row.metric, int32) == row.int32, "\(row.metric) \(int32)")
            #expect(try judge(row.metric, int64) == row.int64, "\(row.metric) \(int64)")
            #expect(try judge(row.metric, double) == row.double, "\(row.metric) \(double)")
            // As an exporter writes a Double.
            #expect(try judge(row.metric, double + ".000000") == row.double, "\(row.metric) \(double).000000")
        }
    }

    @Test("one below the first blank value is a value")
    func belowBlanks() throws {
        let int32 = "2147483631"
        let int64 = "9223372036854775791"
        let double = "140737488355327"
        let table: [(metric: String, int32: Verdict, int64: Verdict, double: Verdict)] = [
            (Self.temperature, .outOfRange, .outOfRange, .outOfRange),
            (Self.counter, .sound, .sound, .sound),
            (Self.power, .outOfRange, .noValue(.blank), .outOfRange),
            (Self.seconds, .sound, .noValue(.blank), .sound),
            (Self.unknown, .sound, .sound, .sound),
        ]
        for row in table {
            #expect(try judge(row.metric, int32) == row.int32, "\(row.metric)")
            #expect(try judge(row.metric, int64) == row.int64, "\(row.metric)")
            #expect(try judge(row.metric, double) == row.double, "\(row.metric)")
        }
    }

    @Test("DCGM keeps sixteen blank values of a kind; those without a meaning are blank, where the range excludes them")
    func allSixteen() throws {
        for code in 4..<16 {
            for first in [0x7FFF_FFF0, 0x7FFF_FFFF_FFFF_FFF0, 140_737_488_355_328] {
                #expect(try judge(Self.temperature, "\(first + code)") == .noValue(.blank))
            }
            // Of a metric that nobody knows they may be values.
            #expect(try judge(Self.unknown, "\(0x7FFF_FFF0 + code)") == .sound)
            #expect(try judge(Self.unknown, "\(140_737_488_355_328 + code)") == .sound)
        }
        #expect(try judge(Self.temperature, "2147483648") == .outOfRange)
        #expect(try judge(Self.temperature, "140737488355344") == .outOfRange)
        #expect(try judge(Self.temperature, "2147483632.5") == .outOfRange)
    }

    @Test("a count of bytes may be what a temperature may not")
    func byteCounters() throws {
        for text in ["2147483632", "2147483634", "2147483647", "140737488355328", "9223372036854774784"] {
            #expect(try judge(Self.counter, text) == .sound)
            #expect(try judge("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", text) == .sound)
        }
        // A framebuffer of 2147483632 bytes, and a clock of as many hertz, but not of as many MiB and MHz.
        #expect(try judge("DCGM_FI_DEV_FB_USED_BYTES", "2147483632") == .sound)
        #expect(try judge("DCGM_FI_DEV_FB_USED", "2147483632") == .noValue(.blank))
        #expect(try judge("DCGM_FI_DEV_SM_CLOCK_HERTZ", "2147483632") == .sound)
        #expect(try judge("DCGM_FI_DEV_SM_CLOCK", "2147483634") == .noValue(.notSupported))
    }

    @Test("a blank 64-bit integer is one in every notation, though a Double or an exponent hides which")
    func roundedBlanks() throws {
        for metric in [Self.temperature, Self.counter, Self.power, Self.unknown] {
            for text in ["9.223372036854776e+18", "9223372036854775808", "9223372036854775794.0"] {
                #expect(try judge(metric, text) == .noValue(.blank), "\(metric) \(text)")
            }
        }
    }

    @Test("values far beyond every blank are judged, not trapped on")
    func hugeValues() throws {
        for text in ["18446744073709551615", "1e30", "1.7976931348623157e308"] {
            #expect(try judge(Self.temperature, text) == .noValue(.blank))
            #expect(try judge(Self.counter, text) == .noValue(.blank))
            #expect(try judge(Self.power, text) == .noValue(.blank))
            #expect(try judge(Self.unknown, text) == .sound)
            #expect(try judge(Self.temperature, "-" + text) == .outOfRange)
            #expect(try judge(Self.unknown, "-" + text) == .sound)
        }
    }

    @Test("a value that is not finite is none")
    func notFinite() {
        for metric in [Self.temperature, Self.counter, Self.power, Self.unknown, Self.label] {
            for value in [Double.nan, .infinity, -.infinity] {
                let verdict = "\(value)".withUTF8Bytes { ValueRule(metricName: metric).judge(value, text: $0) }
                #expect(verdict == .noValue(.notFinite), "\(metric) \(value)")
            }
        }
    }

    @Test("both ends of every range are sound, and what lies beside them is not", arguments: DCGMCatalogue.fields)
    func edges(field: DCGMField) throws {
        let rule = ValueRule(field)
        func judge(_ value: Double) -> Verdict { "\(value)".withUTF8Bytes { rule.judge(value, text: $0) } }
        let (low, high) = (field.validRange.lowerBound, field.validRange.upperBound)
        if low > -.greatestFiniteMagnitude {
            #expect(judge(low) == .sound && rule.isSound(low))
            #expect(judge(low.nextDown) == .outOfRange && !rule.isSound(low.nextDown))
            #expect(judge(low - 1) == .outOfRange)
        }
        if high < .greatestFiniteMagnitude {
            #expect(judge(high) == .sound && rule.isSound(high))
            #expect(judge(high.nextUp) == .outOfRange && !rule.isSound(high.nextUp))
            #expect(judge(high * 2 + 1) == .outOfRange)
        }
        #expect(ValueRule(metricName: field.legacyName).field == field)
    }

    @Test("each name is judged by its own unit")
    func unitOfTheName() throws {
        #expect(try judge("DCGM_FI_DEV_SM_CLOCK", "1980") == .sound)
        #expect(try judge("DCGM_FI_DEV_SM_CLOCK", "1980000000") == .outOfRange)
        #expect(try judge("DCGM_FI_DEV_SM_CLOCK_HERTZ", "1980000000") == .sound)
        #expect(try judge("DCGM_FI_DEV_GPU_UTIL", "57") == .sound)
        #expect(try judge("DCGM_FI_DEV_GPU_UTIL_RATIO", "0.57") == .sound)
        #expect(try judge("DCGM_FI_DEV_GPU_UTIL_RATIO", "57") == .outOfRange)
        #expect(try judge("DCGM_FI_DEV_FB_USED", "85899345920") == .outOfRange)
        #expect(try judge("DCGM_FI_DEV_FB_USED_BYTES", "85899345920") == .sound)
    }
}

@Suite("Texts in place of a value")
struct NoValueTextTests {
    @Test("the exporter's and nvidia-smi's words are no value, in any case of letters")
    func words() {
        let table: [(String, NoValueReason)] = [
            ("ERROR - FAILED TO CONVERT TO STRING", .notConverted), ("SKIPPING DCGM VALUE", .notConverted),
            ("N/A", .notAvailable),
            ("[N/A]", .notAvailable), ("Not Available", .notAvailable), ("[Not Available]", .notAvailable),
            ("[Unknown Error]", .notAvailable), ("[GPU is lost]", .notAvailable),
            ("[GPU requires reset]", .notAvailable),
            ("[Not Supported]", .notSupported), ("Not Supported", .notSupported),
            ("<<<NOT_SUPPORTED>>>", .notSupported),
            ("[Insufficient Permissions]", .notPermitted), ("<<<NOT_PERM>>>", .notPermitted),
            ("<<<NOT_FOUND>>>", .notFound),
            ("[Not Found]", .notFound), ("<<<NULL>>>", .blank),
        ]
        for (text, reason) in table {
            for form in [text, text.uppercased(), text.lowercased(), text.capitalized] {
                #expect(form.withUTF8Bytes { NoValueReason(text: $0) } == reason, "\(form)")
            }
        }
    }

    @Test("other texts are not: they are an error of the row")
    func others() {
        let long = String(repeating: "N/A", count: 20)
        for text in [
            "", "0", "n", "na", "NaN", "12x", "N/A ", " N/A", "[N/A", "N/A]", "[[N/A]]", "[]", "error", "ERROR", "-",
            long,
            "\u{FFFD}\u{FFFD}",
        ] {
            #expect(text.withUTF8Bytes { NoValueReason(text: $0) } == nil, "\(text)")
        }
    }
}

@Suite("Value quality")
struct ValueQualityTests {
    @Test("counts by reason and by metric, and keeps the first few with their place")
    func counts() {
        var quality = ValueQuality()
        #expect(quality == ValueQuality() && quality.noValueCount == 0 && quality.outOfRangeCount == 0)
        quality.add(noValue: .blank)
        quality.add(noValue: .blank)
        quality.add(noValue: .notSupported)
        quality.add(outOfRange: 900, of: "DCGM_FI_DEV_GPU_TEMP", at: "node.csv:7")
        quality.add(outOfRange: -0.5, of: "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", at: "node.csv:9")
        quality.add(outOfRange: 1.25, of: "DCGM_FI_PROF_SM_ACTIVE", at: "node.csv:11")
        #expect(quality.noValues == [.blank: 2, .notSupported: 1])
        #expect(quality.noValueCount == 3 && quality.outOfRangeCount == 3)
        #expect(
            quality.firstOutOfRange == [
                "node.csv:7: DCGM_FI_DEV_GPU_TEMP is 900, not 0 to 150 °C",
                "node.csv:9: DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION is -0.5, not 0 mJ and up",
                "node.csv:11: DCGM_FI_PROF_SM_ACTIVE is 1.25, not 0 to 1",
            ])
    }

    @Test("keeps no more than it says, and asks for no place that it does not keep")
    func limit() {
        var quality = ValueQuality()
        var asked = 0
        func place(_ i: Int) -> String {
            asked += 1
            return "f:\(i)"
        }
        for i in 0..<100 { quality.add(outOfRange: 999, of: "DCGM_FI_DEV_GPU_TEMP", at: place(i)) }
        #expect(quality.outOfRange == ["DCGM_FI_DEV_GPU_TEMP": 100])
        #expect(quality.firstOutOfRange.count == ValueQuality.kept && asked == ValueQuality.kept)
        #expect(quality.firstOutOfRange.last?.hasPrefix("f:7: ") == true)
    }

    @Test("those of two sources add up")
    func sums() {
        var first = ValueQuality()
        var second = ValueQuality()
        for i in 0..<5 { first.add(outOfRange: 999, of: "DCGM_FI_DEV_GPU_TEMP", at: "a:\(i)") }
        for i in 0..<5 { second.add(outOfRange: 101, of: "DCGM_FI_DEV_GPU_UTIL", at: "b:\(i)") }
        first.add(noValue: .notFound)
        second.add(noValue: .notFound)
        second.add(noValue: .notConverted)
        first.add(second)
        #expect(first.noValues == [.notFound: 2, .notConverted: 1])
        #expect(first.outOfRange == ["DCGM_FI_DEV_GPU_TEMP": 5, "DCGM_FI_DEV_GPU_UTIL": 5])
        #expect(first.firstOutOfRange.map { $0.prefix(3) } == ["a:0", "a:1", "a:2", "a:3", "a:4", "b:0", "b:1", "b:2"])
    }
}
