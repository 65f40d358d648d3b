import Foundation
import Synchronization
import Testing

@testable import ExampleSupport

@Suite("Logger")
struct LoggerTests {
    final class Lines: Sendable {
        let held = Mutex<[String]>([])
        func logger(_ format: LogFormat, level: LogLevel = .info) -> Logger {
            Logger(level: level, format: format) { line in
                self.held.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            }
        }
        var all: [String] { held.withLock { $0 } }
    }

    @Test("a text line is level, time, message and fields, quoted where they need it")
    func text() throws {
        let lines = Lines()
        lines.logger(.text).warning(
            "queue lost", ["peer": "127.0.0.1:9000", "why": "it said \"no\"\nand left", "none": "", "n": 5])
        let line = try #require(lines.all.first)
        let tail = "queue lost peer=127.0.0.1:9000 why=\"it said \\\"no\\\"\\nand left\" none=\"\" n=5\n"
        #expect(line.hasSuffix(tail))
        #expect(line.dropLast(tail.count).wholeMatch(of: #/WARNING \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /#) != nil)
    }

    @Test(
        "what acts on a terminal or cannot be seen reaches no line, in message, field or name, and JSON reads back",
        arguments: LogFormat.allCases)
    func printableLines(format: LogFormat) throws {
        let hostile = "a\u{9B}31m\u{85}\u{2028}\u{202E}\u{1B}]0;x\u{7}\u{7F}\u{200B}\u{FEFF}é"
        let lines = Lines()
        lines.logger(format).error("said \(hostile)", ["peer": hostile, "alone": "\u{9D}", "key\u{9B}": "é"])
        let line = try #require(lines.all.first)
        #expect(line.last == "\n")
        #expect(
            line.dropLast().unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator: false
                default: true
                }
            })
        #expect(line.contains("é") && line.contains("\\u009b"))
        guard format == .json else { return }
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "said \(hostile)")
        #expect(object["peer"] as? String == hostile)
    }

    @Test("a JSON line is one object with typed members")
    func json() throws {
        let lines = Lines()
        lines.logger(.json).info("stored\n", ["rows": 2470, "rate": 1.5, "last": true, "id": "a\"b"])
        let line = try #require(lines.all.first)
        #expect(line.last == "\n" && line.dropLast().contains("\n") == false)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["level"] as? String == "info")
        #expect(object["message"] as? String == "stored\n")
        #expect(object["rows"] as? Int == 2470)
        #expect(object["rate"] as? Double == 1.5)
        #expect(object["last"] as? Bool == true)
        #expect(object["id"] as? String == "a\"b")
    }

    @Test("what is less important than the level is not written")
    func level() {
        let lines = Lines()
        let log = lines.logger(.text, level: .warning)
        log.debug("a")
        log.info("b")
        log.error("c")
        #expect(lines.all.count == 1)
    }

    @Test("lines of many threads stay whole")
    func threads() async throws {
        let lines = Lines()
        let log = lines.logger(.json)
        await withTaskGroup(of: Void.self) { group in
            for i in 0..<8 { group.addTask { for j in 0..<100 { log.info("line", ["i": i, "j": j]) } } }
        }
        #expect(lines.all.count == 800)
        for line in lines.all { #expect(try JSONSerialization.jsonObject(with: Data(line.utf8)) is [String: Any]) }
    }
}

@Suite("Lines that repeat")
struct LineLimiterTests {
    private final class Time: Sendable {
        let now = Mutex(ContinuousClock.now)
        func pass(_ duration: Duration) { now.withLock { $0 += duration } }
    }

    @Test(
        "twenty equal errors are logged, then one every ten seconds with the number of those left out; none is lost from the count"
    )
    func limits() throws {
        let (time, lines) = (Time(), LoggerTests.Lines())
        let log = Logger(level: .info, format: .json, limiter: LineLimiter { time.now.withLock { $0 } }) { line in
            lines.held.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        }
        for n in 0..<600 {
            log.error("database refuses", ["n": n])
            time.pass(.milliseconds(100))
        }
        log.warning("another")
        for _ in 0..<50 { log.info("progress") }
        log.reportSuppressed()
        let all = try lines.all.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        let refusals = all.filter { $0["message"] as? String == "database refuses" }
        #expect(25...27 ~= refusals.count)
        #expect(refusals.prefix(20).allSatisfy { $0["suppressed"] == nil })
        let rest = try #require(all.last)
        #expect(rest["message"] as? String == "lines left out" && rest["like"] as? String == "database refuses")
        let suppressed = (refusals + [rest]).reduce(0) { $0 + ($1["suppressed"] as? Int ?? 0) }
        #expect(refusals.count + suppressed == 600)
        #expect(
            all.count { $0["message"] as? String == "progress" } == 50
                && all.count { $0["message"] as? String == "another" } == 1)
    }

    @Test("messages that are never the same are all logged, and take no more memory than a bound")
    func different() {
        let lines = LoggerTests.Lines()
        let log = lines.logger(.text)
        for n in 0..<2000 { log.error("message \(n)") }
        #expect(lines.all.count == 2000)
    }
}

@Suite("Whether the queue takes what is published")
struct QueueAcceptanceTests {
    @Test(
        "a refusal counts at once and until a publish is stored; a publish without a response counts after ten seconds")
    func acceptance() {
        let start = ContinuousClock.now
        var state = QueueAcceptance()
        #expect(state.problem(at: start) == nil)
        state.begin(at: start)
        #expect(state.problem(at: start + .seconds(9)) == nil)
        #expect(state.problem(at: start + .seconds(12)) == "a publish has had no response for 12 s")
        state.refuse("no room", at: start + .seconds(13))
        #expect(state.problem(at: start + .seconds(13)) == "publishes are refused since 0 s: no room")
        state.begin(at: start + .seconds(14))
        state.refuse("still no room", at: start + .seconds(15))
        #expect(state.problem(at: start + .seconds(20)) == "publishes are refused since 7 s: still no room")
        #expect(state.refusals == 2)
        state.begin(at: start + .seconds(21))
        state.finish()
        #expect(state.problem(at: start + .seconds(100)) == nil)
    }
}
